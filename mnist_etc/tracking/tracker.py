"""MLflow in one place; a no-op when tracking is off, and never a reason for a training to fail."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.manifest import flat

__all__ = ["Tracker", "start"]

EXPERIMENT = "mnist_etc"
ALIAS = "candidate"
PATIENCE = 4.0
"""Seconds a tracking server has to answer; MLflow's own default is 120 with 7 retries."""


@contextmanager
def start(run: RunConfig, *, command: str, dataset_sha256: str) -> Iterator[Tracker]:
    """Track one command in an MLflow run, opened by its first `Tracker.child`; it ends as failed if the block raises.

    A store that cannot be reached gives one warning, and everything goes on untracked.

    Args:
        run: names the store and the run.
        command: what is run, as a tag.
        dataset_sha256: as a tag.
    """
    tags = {"command": command, "data": run.data.name, "dataset_sha256": dataset_sha256, "git_commit": _git_commit()}
    tracker = Tracker(run.tracking_uri, run.run_name, tags)
    try:
        yield tracker
    except BaseException as error:
        tracker.close(_status(error))
        raise
    tracker.close("FINISHED")


class Tracker:
    """The open run. Every method does nothing once tracking is off or has failed.

    Args:
        uri: MLflow tracking URI; None: off.
        name: of the outer run; None: MLflow invents one.
        tags: of the outer run.
    """

    def __init__(self, uri: str | None, name: str | None, tags: Mapping[str, str]) -> None:
        self._uri, self._credentials = _without_credentials(uri)
        self._name, self._tags = name, tags
        self._on = False
        self._opened = uri is None

    @contextmanager
    def child(self, name: str) -> Iterator[None]:
        """A run inside the outer one, which is opened first if it is not yet; it ends as failed if the block raises."""
        if not self._opened:
            self._opened = True
            self._open()
        with self._guard() as mlflow:
            if mlflow:
                mlflow.start_run(run_name=name, nested=True)
        try:
            yield
        except BaseException as error:
            self.close(_status(error))
            raise
        self.close("FINISHED")

    def close(self, status: str) -> None:
        """End the innermost open run as ``FINISHED``, ``FAILED`` or ``KILLED``."""
        with self._guard() as mlflow:
            if mlflow:
                mlflow.end_run(status)

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Log the keys and values of nested ``settings``."""
        with self._guard() as mlflow:
            if mlflow:
                mlflow.log_params(flat(settings))

    def tag(self, name: str, words: str) -> None:
        """Tag the innermost open run."""
        with self._guard() as mlflow:
            if mlflow:
                mlflow.set_tag(name, words)

    def metrics(self, values: Mapping[str, float], epoch: int | None = None) -> None:
        """Log figures, of an epoch or of the whole run."""
        with self._guard() as mlflow:
            if mlflow:
                mlflow.log_metrics(dict(values), step=epoch)

    def pictures(self, folder: Path) -> None:
        """Log every file of a folder under its name."""
        with self._guard() as mlflow:
            if mlflow:
                mlflow.log_artifacts(str(folder), folder.name)

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Log the ONNX file ``path`` and register it as ``mnist_etc_<name>`` under the alias ``candidate``.

        Args:
            name: letters, digits and ``_``.
            path: the ONNX file.
            example: an input batch ``(n, ...)``.
            answer: the model's output for it.
            tags: of the registered version.
        """
        with self._guard() as mlflow:
            if mlflow:
                import onnx
                from mlflow.models import ModelSignature
                from mlflow.types import Schema, TensorSpec

                signature = ModelSignature(
                    inputs=Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]), "input")]),
                    outputs=Schema([TensorSpec(answer.dtype, (-1, *answer.shape[1:]), "output")]),
                )
                registered = f"mnist_etc_{name}"
                with redirect_stderr(io.StringIO()):  # it announces every version
                    info = mlflow.onnx.log_model(
                        onnx.load(path),
                        name=name,
                        signature=signature,
                        input_example={"input": example},
                        pip_requirements=["onnxruntime", "numpy"],
                        registered_model_name=registered,
                    )
                version = info.registered_model_version
                client = mlflow.MlflowClient()
                for key, words in tags.items():
                    client.set_model_version_tag(registered, str(version), key, words)
                client.set_registered_model_alias(registered, ALIAS, version)

    def _open(self) -> None:
        uri = str(self._uri)
        self._on = _answers(uri)
        if not self._on:
            _warn(uri, f"no answer (waited {PATIENCE:.0f} s at most)")
            return
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(PATIENCE)))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        if self._credentials:
            os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = self._credentials
        with self._guard() as mlflow, _one_at_a_time(uri):
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            mlflow.set_tracking_uri(uri)
            if mlflow.get_experiment_by_name(EXPERIMENT) is None:
                mlflow.create_experiment(EXPERIMENT, artifact_location=_artifact_location(uri))
            mlflow.set_experiment(EXPERIMENT)
            mlflow.start_run(run_name=self._name, tags=dict(self._tags))

    @contextmanager
    def _guard(self) -> Iterator[Any]:
        """Yield the mlflow module, or None when off; turn a failure of the block into one warning."""
        if not self._on:
            yield None
            return
        import mlflow

        try:
            yield mlflow
        except Exception as error:  # noqa: BLE001 - whatever a store raises
            self._on = False
            _warn(str(self._uri), str(error).splitlines()[0] if str(error) else type(error).__name__)


def _status(error: BaseException) -> str:
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def _without_credentials(uri: str | None) -> tuple[str | None, tuple[str, str] | None]:
    """The address without ``user:password@``, and both; MLflow takes them from the environment and shows none."""
    parts = urllib.parse.urlsplit(uri or "")
    if parts.scheme not in ("http", "https") or parts.username is None:
        return uri, None
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return place, (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))


@contextmanager
def _one_at_a_time(uri: str) -> Iterator[None]:
    """Hold a lock beside an SQLite file, whose tables two trainings would otherwise make at once; wait for it."""
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        yield
        return
    store = Path(path)
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.with_name(f".{store.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _masked(text: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)


def _warn(uri: str, reason: str) -> None:
    print(
        _masked(f"warning: Expected MLflow at {uri}; received: {reason}. The training goes on untracked."),
        file=sys.stderr,
        flush=True,
    )


def _answers(uri: str) -> bool:
    """Whether a server answers at all; any answer counts, and other stores need none."""
    if not uri.startswith(("http://", "https://")):
        return True
    answered = threading.Event()

    def probe() -> None:
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PATIENCE).close()  # noqa: S310
        except urllib.error.HTTPError:
            pass
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def _artifact_location(uri: str) -> str | None:
    """Beside an SQLite file; None, the server's own choice, for any other store."""
    path = uri.removeprefix("sqlite:///")
    return (Path(path).resolve().parent / "mlruns").as_uri() if path != uri else None


def _git_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
