"""What a training of a model of the zoo leaves: one folder a run, named after what is not the default in it."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.remedies import supervised_command, supervised_words
from mnist_etc.files import inside
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.models.zoo_config import ZooConfig

__all__ = ["RunFolder"]

LONGEST = 100
"""Characters of a name; a longer one ends in eight digits of its checksum."""
PLACES = ("name", "root", "train", "test", "image_column", "label_column")
UNNAMED = (
    *("data", "model", "model.name", "artifacts", "privacy.ledger", "privacy.lifetime_epsilon", "labels.budget"),
    *(f"data.{place}" for place in PLACES),
)
"""Keys that the name of a run leaves out, since they stand before it or decide no weight."""


@dataclass(frozen=True)
class RunFolder:
    """``artifacts/[<data name>/]<run>/``, for example ``artifacts/cnn_epochs=6``."""

    folder: ArtifactFolder
    model: ZooConfig
    labels: LabelsConfig | None = None
    """How they were asked; None: all are known."""

    @classmethod
    def of(cls, run: RunConfig, model: ZooConfig, labels: LabelsConfig | None = None) -> RunFolder:
        """The folder of the training that ``run``, ``model`` and, where they are asked, ``labels`` are.

        Raises:
            ArtifactError: it is a link out of ``run.artifacts``.
        """
        return cls(ArtifactFolder.of(run), model, labels)

    @cached_property
    def path(self) -> Path:
        """Of the folder; found by composing the defaults of ``conf/``."""
        return inside(self.folder.path, _name(self.folder.run, self.model, self.labels))

    @property
    def full_model(self) -> Artifact:
        """Image to logits."""
        return Artifact(
            folder=self.path / "models",
            stem="full_model",
            make=partial(supervised_command, self.folder.run, self.model, labels=self.labels),
            key=self.folder.key,
        )

    @property
    def database(self) -> Path:
        """Of labels, where no other is named."""
        return inside(self.path, "labels.sqlite")

    @property
    def rounds(self) -> Path:
        """A row a round of questions: labels, accuracy, how many of each class."""
        return inside(self.path, "rounds.csv")

    def fitted(self, number: int) -> Path:
        """State of the network's fit of that number, from 0; the first has that of the whole training."""
        return self.full_model.checkpoint if number == 0 else inside(self.path, f"models/fit_{number}.npz")

    def fits(self) -> list[Path]:
        """Those of them that are there, but the first."""
        return sorted((self.path / "models").glob("fit_*.npz"))

    def picture(self, name: str) -> Path:
        """One of `plots`, and where it is kept."""
        return inside(self.plots, f"{name}.png")

    @property
    def log(self) -> Path:
        """What the command printed."""
        return inside(self.path, "pipeline.log")

    @property
    def gates(self) -> Path:
        """Figures and bounds of the release gates; whether each passed."""
        return inside(self.path, "gates.json")

    @property
    def info(self) -> Path:
        """Hyperparameters, layers and sizes of the model."""
        return inside(self.path, "model_info.json")

    @property
    def metrics(self) -> Path:
        """Every figure that was measured."""
        return inside(self.path, "logs/metrics.json")

    @property
    def tensorboard(self) -> Path:
        """Folder of the events that TensorBoard reads."""
        return inside(self.path, "logs/tensorboard")

    @property
    def card(self) -> Path:
        """The model card."""
        return inside(self.path, "model_card/model_card.md")

    @property
    def plots(self) -> Path:
        """Folder of the pictures."""
        return inside(self.path, "plots")

    def forget(self) -> None:
        """Remove what is told of a model whose weights are about to be replaced, the card first."""
        for path in (self.card, self.gates, self.info, self.metrics):
            path.unlink(missing_ok=True)

    def inference(self, source: str | None) -> Path:
        """The CSV that ``infer.py`` writes of the test split, or of the user's file or folder ``source``."""
        return inside(self.path, self.folder.answers_to("inference", source))

    @property
    def reconstruction(self) -> Path:
        """Folder of what ``noprotect_reconstruction.py`` writes."""
        return inside(self.path, "reconstruction")


def _name(run: RunConfig, model: ZooConfig, labels: LabelsConfig | None) -> str:
    """``cnn``, or ``cnn_epochs=6_seed=1``: the model, and each key that is not as ``conf/`` has it."""
    off = () if model.private else ("privacy.", "model.l2_norm_clip=")
    off = off if model.augment else (*off, "model.augmentation.")
    words = [shlex.split(word)[0] for word in supervised_words(run, model, {}, labels)]
    told = [word for word in words if word.partition("=")[0] not in UNNAMED and not word.startswith(off)]
    asked = [] if labels is None else [f"{labels.budget}_labels"]
    name = "_".join([model.name, *asked, *(word.removeprefix("model.").removeprefix("labels.") for word in told)])
    safe = re.sub(r"[^\w.=+-]+", "-", name, flags=re.ASCII)  # a file system counts bytes
    if safe == name and len(name) <= LONGEST:
        return name
    return f"{safe[:LONGEST]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
