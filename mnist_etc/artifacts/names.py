"""Every path under ``artifacts/``: what a trained model's files are called."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.data_key import DataKey
from mnist_etc.artifacts.ledger import Ledger
from mnist_etc.artifacts.remedies import command
from mnist_etc.files import inside
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.features import FEATURES

__all__ = ["ArtifactFolder"]

LONGEST = 40
"""Characters of an input's name that its answers' name holds."""


@dataclass(frozen=True)
class ArtifactFolder:
    """The artifacts of one dataset: ``artifacts/`` for MNIST, ``artifacts/<data name>/`` for any other."""

    path: Path
    run: RunConfig

    @classmethod
    def of(cls, run: RunConfig) -> ArtifactFolder:
        """The folder that ``run`` writes into.

        Raises:
            ArtifactError: it is a link out of ``run.artifacts``.
        """
        root = Path(run.artifacts)
        name = run.data.name
        return cls(root if name == "mnist" else inside(root, name), run)

    @property
    def lock(self) -> Path:
        """Held by the training that writes into the folder."""
        return inside(self.path, ".lock")

    @property
    def key(self) -> DataKey:
        """Under which private models name their data."""
        return Ledger(self.run.privacy).key

    def autoencoder(self, config: AutoencoderConfig) -> Artifact:
        """Weights of the autoencoder."""
        return Artifact(
            folder=self.path,
            stem=f"{_autoencoder(config)}_weights",
            make=partial(command, "autoencoder", self.run, config, None),
            key=self.key,
        )

    def tensorboard(self, model: Artifact) -> Path:
        """Folder of what TensorBoard shows of the trainings that end in ``model``."""
        return inside(self.path, f"logs/tensorboard/{model.stem}")

    def examples(self, config: AutoencoderConfig, epoch: int) -> Path:
        """Folder of the example pictures after ``epoch``, which counts from 1."""
        return inside(self.path, f"{_autoencoder(config)}_examples_{epoch}")

    def classifier(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Artifact:
        """Weights of the classifier on the hidden code, or on fixed features."""
        return Artifact(
            folder=self.path,
            stem=f"{_classifier(autoencoder, classifier)}_fc_weights",
            make=partial(command, "classifier", self.run, autoencoder, classifier),
            key=self.key,
        )

    def full_model(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Artifact:
        """Features and classifier in one: image to logits."""
        return Artifact(
            folder=self.path,
            stem=f"full_model_{_model(classifier)}{_features(autoencoder, classifier)}_ce{classifier.epochs}"
            + "_cprivate" * classifier.private,
            make=partial(command, "train", self.run, autoencoder, classifier),
            key=self.key,
        )

    def inference(
        self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig, source: str | None = None
    ) -> Path:
        """The CSV that ``infer.py`` writes of the test split, or of the user's file or folder ``source``."""
        return inside(self.path, self.answers_to(f"{_classifier(autoencoder, classifier)}_inference", source))

    def pretrained_inference(self, source: str | None) -> Path:
        """The CSV of the network that comes with the package."""
        return inside(self.path, self.answers_to("pretrained_inference", source))

    @staticmethod
    def answers_to(stem: str, source: str | None) -> str:
        """``stem`` and, of a user's input, its name and eight digits of its whole path, as the name of a CSV file.

        So inputs of one name in two folders have two files, and the same input replaces its own.
        """
        if source is None:
            return f"{stem}.csv"
        path = Path(source).resolve()
        given = Path(source).name.strip(".") or path.name or "root"
        name = re.sub(r"[^\w.-]+", "_", given.encode("utf-8", "replace").decode())[:LONGEST]
        return f"{stem}_{name}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}.csv"

    def reconstruction(self, autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> Path:
        """Folder of what ``noprotect_reconstruction.py`` writes."""
        return inside(self.path, f"{self.full_model(autoencoder, classifier).stem}_reconstruction")


def _autoencoder(config: AutoencoderConfig) -> str:
    return f"ae_{_model(config)}h{config.hid_dim}_e{config.epochs}" + "_private" * config.private


def _classifier(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> str:
    return (
        f"clsf_{_model(classifier)}{_features(autoencoder, classifier)}_e{classifier.epochs}"
        + "_private" * classifier.private
    )


def _features(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> str:
    if not FEATURES[classifier.features].trained:
        return classifier.features
    return f"{_model(autoencoder)}h{autoencoder.hid_dim}_ee{autoencoder.epochs}" + "_eprivate" * autoencoder.private


def _model(config: AutoencoderConfig | ClassifierConfig) -> str:
    """What tells a model of another architecture than the usual one apart."""
    return "" if config.model == type(config).model else f"{config.model}_"
