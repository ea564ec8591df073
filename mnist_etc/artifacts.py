"""Every path under ``artifacts/`` and the manifest that vouches for what lies there."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from mnist_etc.config import AutoencoderConfig, ClassifierConfig, DataConfig, RunConfig
from mnist_etc.errors import ArtifactError
from mnist_etc.files import read_limited, sha256, temporary

__all__ = ["Artifact", "ArtifactFolder", "configuration", "flat", "inside"]

MANIFEST_LIMIT = 2**20
PACKAGES = ("mnist-etc", "numpy", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")


def configuration(
    run: RunConfig, autoencoder: AutoencoderConfig, classifier: ClassifierConfig | None = None
) -> dict[str, Any]:
    """The settings that decide the trained weights, as plain JSON types; places and names of runs do not."""
    data = _plain(run.data, DataConfig)
    del data["root"]
    settings = {"data": data, "seed": run.seed, "autoencoder": _plain(autoencoder, AutoencoderConfig)}
    if classifier is not None:
        settings["classifier"] = _plain(classifier, ClassifierConfig)
    return settings


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with the keys that a command line takes: ``autoencoder.hid_dim``."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return values


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One trained model on disk: ``<stem>.h5``, ``<stem>.onnx`` and their manifest ``<stem>.json``."""

    folder: Path
    stem: str
    remedy: str
    """The command that makes it, for messages."""

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
        settings: dict[str, Any],
        dataset_sha256: str,
        metrics: Mapping[str, float],
        epsilon: float | None,
    ) -> None:
        """Write every file under a temporary name, then rename all, the manifest last.

        Args:
            writers: final path to the function that writes the file to the path it is given.
            settings: what `configuration` returned.
            dataset_sha256: checksum of the dataset trained on.
            metrics: figures measured on this model.
            epsilon: privacy spent, null where there is no guarantee.

        Raises:
            ArtifactError: a file cannot be written; nothing of before is changed.
        """
        with ExitStack() as stack:
            manifest = stack.enter_context(temporary(self.manifest))
            files = {}
            for final, write in writers.items():
                path = stack.enter_context(temporary(final))
                write(path)
                files[final.name] = sha256(path)
            content = {
                "files": files,
                "configuration": settings,
                "configuration_sha256": _digest(settings),
                "dataset_sha256": dataset_sha256,
                "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
                "metrics": dict(metrics),
                "epsilon": epsilon,
            }
            manifest.write_text(json.dumps(content | {"manifest_sha256": _digest(content)}, indent=2) + "\n")

    def read_manifest(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The manifest, checked: whole, unaltered, and of the configuration asked for.

        Raises:
            ArtifactError: names the file, both sides of a difference, and the command that makes it anew.
        """
        if not self.manifest.is_file():
            raise ArtifactError(f"Expected {self.manifest}; received no such file. Make it: {self.remedy}")
        try:
            content = json.loads(read_limited(self.manifest, MANIFEST_LIMIT))
            stated = content.pop("manifest_sha256")
            intact = stated == _digest(content)
        except (ValueError, KeyError, AttributeError, TypeError):
            intact = False
        if not intact:
            raise ArtifactError(
                f"Expected {self.manifest} as it was written; received a truncated or altered file. "
                f"Make it again: {self.remedy} force=true"
            )
        trained, asked = flat(content["configuration"]), flat(settings)
        different = [key for key in asked | trained if asked.get(key) != trained.get(key)]
        if different:
            sides = "; ".join(f"{key}={trained.get(key)} there, {asked.get(key)} asked for" for key in different)
            raise ArtifactError(
                f"Expected {self.manifest} of the configuration asked for; received {sides}. "
                f"Pass the values it was trained with, or train again: {self.remedy}"
            )
        return dict(content)

    def verified(self, path: Path, settings: dict[str, Any]) -> Path:
        """``path``, one of this artifact's files, once manifest and checksum agree with it.

        Raises:
            ArtifactError: as `read_manifest`, or the file is missing or altered.
        """
        stated = self.read_manifest(settings)["files"].get(path.name)
        if not path.is_file():
            raise ArtifactError(f"Expected {path}; received no such file. Make it: {self.remedy} force=true")
        received = sha256(path)
        if received != stated:
            raise ArtifactError(
                f"Expected {path} with sha256 {stated}; received {received}: truncated or altered. "
                f"Make it again: {self.remedy} force=true"
            )
        return path

    def finished(self, settings: dict[str, Any], dataset_sha256: str) -> dict[str, float] | None:
        """The metrics where every file is whole and of this configuration and data, else None."""
        try:
            content = self.read_manifest(settings)
            for name in content["files"]:
                self.verified(self.folder / name, settings)
        except ArtifactError:
            return None
        same = content["dataset_sha256"] == dataset_sha256 and content["versions"][
            "mnist-etc"
        ] == importlib.metadata.version("mnist-etc")
        return dict(content["metrics"]) if same else None

    def _path(self, suffix: str) -> Path:
        return inside(self.folder, self.stem + suffix)


@dataclass(frozen=True)
class ArtifactFolder:
    """The artifacts of one dataset: ``artifacts/`` for MNIST, ``artifacts/<data name>/`` for any other."""

    path: Path
    data: str
    """Name of the dataset."""

    @classmethod
    def of(cls, run: RunConfig) -> ArtifactFolder:
        """The folder that ``run`` writes into.

        Raises:
            ArtifactError: it is a link out of ``run.artifacts``.
        """
        root = Path(run.artifacts)
        name = run.data.name
        return cls(root if name == "mnist" else inside(root, name), name)

    @property
    def lock(self) -> Path:
        """Held by the training that writes into the folder."""
        return inside(self.path, ".lock")

    def autoencoder(self, config: AutoencoderConfig) -> Artifact:
        """Weights of the autoencoder."""
        return Artifact(
            folder=self.path,
            stem=f"{_autoencoder(config)}_weights",
            remedy=f"python -m train_.autoencoder data={self.data} hid_dim={config.hid_dim} epochs={config.epochs}",
        )

    def examples(self, config: AutoencoderConfig, epoch: int) -> Path:
        """Folder of the example pictures after ``epoch``, which counts from 1."""
        return inside(self.path, f"{_autoencoder(config)}_examples_{epoch}")

    def classifier(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Artifact:
        """Weights of the classifier on the hidden code."""
        return Artifact(
            folder=self.path,
            stem=f"{_classifier(autoencoder, classifier)}_fc_weights",
            remedy=f"python -m train_.classifier {self._keys(autoencoder)} epochs={classifier.epochs}",
        )

    def full_model(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Artifact:
        """Encoder and classifier in one: image to logits."""
        encoder = f"h{autoencoder.hid_dim}_ee{autoencoder.epochs}" + "_eprivate" * autoencoder.private
        return Artifact(
            folder=self.path,
            stem=f"full_model_{encoder}_ce{classifier.epochs}" + "_cprivate" * classifier.private,
            remedy=f"python train.py {self._keys(autoencoder)} classifier.epochs={classifier.epochs}",
        )

    def inference(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Path:
        """The CSV that ``infer.py`` writes."""
        return inside(self.path, f"{_classifier(autoencoder, classifier)}_inference.csv")

    def _keys(self, autoencoder: AutoencoderConfig) -> str:
        return f"data={self.data} autoencoder.hid_dim={autoencoder.hid_dim} autoencoder.epochs={autoencoder.epochs}"


def inside(folder: Path, name: str) -> Path:
    """``folder/name``, refused where ``..`` or a symbolic link leads out of ``folder``.

    Raises:
        ArtifactError: names the path and where it leads.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(
            f"Expected {path} to lie inside {folder}; received a path to {path.resolve()}. Remove the link or rename."
        )
    return path


def _autoencoder(config: AutoencoderConfig) -> str:
    return f"ae_h{config.hid_dim}_e{config.epochs}" + "_private" * config.private


def _classifier(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> str:
    encoder = f"h{autoencoder.hid_dim}_ee{autoencoder.epochs}" + "_eprivate" * autoencoder.private
    return f"clsf_{encoder}_e{classifier.epochs}" + "_private" * classifier.private


def _plain(config: Any, schema: type) -> dict[str, Any]:
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(schema)}
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
