"""Parts answered by actors of Ray, each with a session of its own, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
import ray.data

from mnist_etc import errors
from mnist_etc.cluster import joined
from mnist_etc.errors import ArtifactError, DataError, MnistEtcError
from mnist_etc.files import sha256
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import SelectedModel, select_model
from mnist_etc.inference.shards import Shard, ShardClassifier

__all__ = ["answer"]


def answer(config: InferCommand, model: SelectedModel, shards: Sequence[Shard]) -> Iterator[str]:
    """See `mnist_etc.inference.engines.InferenceEngine`.

    Every node needs this package and the same paths, as on a shared file system; each selects the model itself.

    Raises:
        ConfigError: there is no cluster at ``config.ray.address``.
        DataError: Ray gave up.
    """
    ray.data.DataContext.get_current().enable_progress_bars = False
    with joined(config.ray.address):
        try:
            for row in _rows(config, sha256(model.onnx), shards).iter_rows():
                sys.stderr.write(row["said"])
                if row["error"]:
                    raise getattr(errors, row["error"])(row["message"])
                yield str(row["name"])
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise DataError(f"Expected an answer from Ray's actors; received: {cause} Run it again.") from error


def _rows(config: InferCommand, digest: str, shards: Sequence[Shard]) -> Any:
    """What the actors say of each part, one a core at once."""
    actors = max(1, min(len(shards), int(ray.cluster_resources().get("CPU", 1))))
    numbers = ray.data.from_items([{"shard": number} for number in range(len(shards))], override_num_blocks=len(shards))
    given = replace(config, threads=config.threads or 1), digest, str(Path.cwd()), list(shards)
    return numbers.map(_Actor, fn_constructor_args=given, concurrency=actors, num_cpus=1)


class _Actor:
    """Holds one session of ONNX Runtime for all the parts that it answers; what goes wrong is said by the driver."""

    def __init__(self, config: InferCommand, digest: str, folder: str, shards: Sequence[Shard]) -> None:
        self._config, self._digest, self._folder, self._shards = config, digest, folder, shards
        self._classifier: ShardClassifier | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        told = {"name": "", "said": "", "error": "", "message": ""}
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                self._classifier = self._classifier or self._load()
                told["name"] = self._classifier.answer(self._shards[int(row["shard"])])
            except MnistEtcError as error:
                told |= {"error": type(error).__name__, "message": str(error)}
        return told | {"said": said.getvalue()}

    def _load(self) -> ShardClassifier:
        try:
            os.chdir(self._folder)
        except OSError as error:
            if not all(Path(str(path)).is_absolute() for path in (self._config.input, self._config.output)):
                raise ArtifactError(
                    f"Expected the folder {self._folder} of the command on {socket.gethostname()} too; received: "
                    f"{error.strerror}. Share it, or pass absolute paths."
                ) from error
        model = select_model(self._config)
        if sha256(model.onnx) != self._digest:
            raise ArtifactError(
                f"Expected the model of the command in {model.onnx} of {socket.gethostname()}; received another. "
                "Copy it there, or share the folder."
            )
        return ShardClassifier(self._config, model)
