"""Which trained model a command uses: that of ``train.py``, or one of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import UseCommand
from mnist_etc.artifacts.fingerprint import fingerprint, zoo_fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.data.dataset import Dataset
from mnist_etc.models.zoo import ZOO

__all__ = ["Chosen"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A full model, image to logits, that the training keys of a command choose; it may not be there yet."""

    artifact: Artifact
    settings: Mapping[str, Any]
    """What its manifest has to state; see `mnist_etc.artifacts.fingerprint`."""
    command: UseCommand
    run: RunFolder | None
    """Of a model of the zoo."""

    @classmethod
    def of(cls, command: UseCommand) -> Chosen:
        """The one that ``command`` names.

        Raises:
            ArtifactError: its folder is a link out of ``command.artifacts``.
        """
        if command.model.name in ZOO:
            labels = None if command.few_labels.budget is None else command.few_labels
            run = RunFolder.of(command, command.model, labels)
            settings = zoo_fingerprint(command, command.model, labels)
            return cls(artifact=run.full_model, settings=settings, command=command, run=run)
        artifact = ArtifactFolder.of(command).full_model(command.autoencoder, command.classifier)
        settings = fingerprint(command, command.autoencoder, command.classifier)
        return cls(artifact=artifact, settings=settings, command=command, run=None)

    def sha256_of(self, dataset: Dataset) -> str:
        """What its manifest names ``dataset`` by: of one that asked for its labels, the images alone."""
        return dataset.images_sha256 if self.run and self.run.labels else dataset.sha256

    @property
    def name(self) -> str:
        """In tables."""
        return self.run.path.name if self.run else self.artifact.stem.removeprefix("full_model_")

    def inference(self, source: str | None) -> Path:
        """The CSV that ``infer.py`` writes of the test split, or of the user's file or folder ``source``."""
        if self.run:
            return self.run.inference(source)
        command = self.command
        return ArtifactFolder.of(command).inference(command.autoencoder, command.classifier, source)

    @property
    def reconstruction(self) -> Path:
        """Folder of what ``noprotect_reconstruction.py`` writes."""
        if self.run:
            return self.run.reconstruction
        return ArtifactFolder.of(self.command).reconstruction(self.command.autoencoder, self.command.classifier)

    def verified(self, path: Path, dataset_sha256: str | None = None) -> dict[str, Any]:
        """The manifest, once it agrees with ``path``, one of `artifact`'s files; see `Artifact.verify`."""
        return self.artifact.verify(path, self.settings, dataset_sha256)
