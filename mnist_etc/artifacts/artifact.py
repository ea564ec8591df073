"""One trained model on disk, and the manifest that vouches for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.data_key import HMAC, SHA256, DataKey, named
from mnist_etc.artifacts.manifest import differences, encode, read
from mnist_etc.data.dataset import DIGITS
from mnist_etc.errors import ArtifactError
from mnist_etc.files import inside, sha256, sync, temporary

__all__ = ["Artifact"]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One trained model on disk: ``<stem>.h5``, ``<stem>.onnx`` and their manifest ``<stem>.json``."""

    folder: Path
    stem: str
    make: Callable[[str | None], str]
    """The command that makes it, for messages; given a word, in a new folder of that name. Takes a while to say."""
    key: DataKey
    """Under which it names its data, where a private training read them."""

    @property
    def remedy(self) -> str:
        """The command that makes it, for messages."""
        return self.make(None)

    @property
    def h5(self) -> Path:
        """Keras weights."""
        return self._path(".h5")

    @property
    def onnx(self) -> Path:
        """ONNX model, input ``input``, output ``output``."""
        return self._path(".onnx")

    @property
    def manifest(self) -> Path:
        """JSON: checksums, configuration, dataset, versions, metrics, epsilon."""
        return self._path(".json")

    @property
    def checkpoint(self) -> Path:
        """State after the last finished epoch."""
        return self._path("_checkpoint.npz")

    @property
    def metrics(self) -> Path:
        """The figures alone, for ``dvc metrics``."""
        return self._path("_metrics.json")

    @property
    def history(self) -> Path:
        """One row an epoch, for ``dvc plots``."""
        return self._path("_history.csv")

    def publish(
        self,
        writers: Mapping[Path, Callable[[Path], None]],
        *,
        settings: Mapping[str, Any],
        dataset_sha256: str,
        metrics: Mapping[str, float],
        privacy: Mapping[str, Any],
        sources: Mapping[str, str] | None = None,
        classes: Sequence[str] = DIGITS,
    ) -> None:
        """Write every file and the manifest under temporary names, then rename all, the manifest last.

        Args:
            writers: final path to the function that writes the file to the path it is given.
            settings: what `mnist_etc.artifacts.fingerprint.fingerprint` returned.
            dataset_sha256: checksum of the dataset trained on; stated under `key` where ``privacy`` lists a stage.
            metrics: figures measured on this model.
            privacy: the guarantee for the training images, or the words why there is none.
            sources: sha256 of each file the training started from, by name.
            classes: names of the dataset's classes.

        Raises:
            ArtifactError: a file cannot be written; nothing of before is changed.
        """
        with ExitStack() as stack:
            manifest = stack.enter_context(temporary(self.manifest))
            files = {}
            for final, write in writers.items():
                path = stack.enter_context(temporary(final))
                write(path)
                sync(path)
                files[final.name] = sha256(path)
            content = encode(
                files=files,
                settings=settings,
                dataset=named(dataset_sha256, self.key, private=bool(privacy.get("stages"))),
                sources=sources or {},
                metrics=metrics,
                privacy=privacy,
                classes=classes,
            )
            manifest.write_bytes(content)
            sync(manifest)

    def verify(self, path: Path, settings: Mapping[str, Any], dataset_sha256: str | None = None) -> dict[str, Any]:
        """The manifest, once it and the checksum agree with ``path``, one of this artifact's files.

        Args:
            path: a file of this artifact.
            settings: what `mnist_etc.artifacts.fingerprint.fingerprint` returned.
            dataset_sha256: of the data it must have been trained on; None: any.

        Raises:
            ArtifactError: manifest or file is missing, altered, or of another configuration or data; names both
                sides and the command that makes it anew.
        """
        content = self._agreeing(settings, dataset_sha256)
        self._intact(path, content)
        return content

    def find_finished(
        self, settings: Mapping[str, Any], dataset_sha256: str, sources: Mapping[str, str] | None = None
    ) -> dict[str, float] | None:
        """The figures where this very training is done, None where it has yet to be done or finished.

        Raises:
            ArtifactError: what lies there is altered, of another configuration, data or source, or of unknown origin:
                it would be lost, or, worse, taken for private.
        """
        if self.checkpoint.exists():
            return None
        if not self.manifest.exists():
            for path in (self.h5, self.onnx):
                if path.exists():
                    raise ArtifactError(
                        f"Expected {self.manifest} beside {path}; received weights without a manifest, trained nobody "
                        f"knows how. Move them away or replace them: {self.remedy} force=true"
                    )
            return None
        content = self._agreeing(settings, dataset_sha256)
        for name in content["files"]:
            self._intact(self.folder / name, content)
        if content["sources"] != (sources or {}):
            raise ArtifactError(
                f"Expected {self.manifest} trained on {sources}; received one trained on {content['sources']}. "
                f"Train it again: {self.remedy} force=true"
            )
        return dict(content["metrics"])

    def _agreeing(self, settings: Mapping[str, Any], dataset_sha256: str | None) -> dict[str, Any]:
        """The manifest, if it is of these settings and data."""
        content = read(self.manifest, lambda: self.remedy)
        different = differences(content, settings)
        if dataset_sha256 is not None:
            different = self._other_data(content, dataset_sha256) or different
        if different:
            raise ArtifactError(
                f"Expected {self.manifest} of what is asked for; received {different}. Pass the values it was trained "
                f"with, train what is asked for elsewhere: {self.make(_word(different))}, or replace it: "
                f"{self.remedy} force=true"
            )
        return content

    def _other_data(self, content: Mapping[str, Any], dataset_sha256: str) -> str:
        """Both sides where it was trained on other data; empty where it was not."""
        if SHA256 in content:
            there, asked, what = content[SHA256], dataset_sha256, "sha256"
        else:
            asked = self.key.known_name(dataset_sha256, f"train it again: {self.remedy} force=true")
            there, what = content[HMAC], f"HMAC by {self.key.path}"
        return "" if there == asked else f"dataset {what} {there[:12]} there, {asked[:12]} asked for"

    def _intact(self, path: Path, manifest: Mapping[str, Any]) -> None:
        if not path.is_file():
            raise ArtifactError(f"Expected {path}; received no such file. Make it: {self.remedy} force=true")
        stated, received = manifest["files"].get(path.name), sha256(path)
        if received != stated:
            raise ArtifactError(
                f"Expected {path} with sha256 {stated}; received {received}: truncated or altered. "
                f"Make it again: {self.remedy} force=true"
            )

    def _path(self, suffix: str) -> Path:
        return inside(self.folder, self.stem + suffix)


def _word(different: str) -> str:
    """The first of the differences that `mnist_etc.artifacts.manifest.differences` lists, as the name of a folder."""
    setting, _, values = different.partition("; ")[0].partition("=")
    asked = values.rpartition(" there, ")[2].removesuffix(" asked for")
    return "_".join(re.findall(r"\w+", f"{setting.rpartition('.')[2]} {asked}")) if values else "other_data"
