"""The schema of ``conf/model/``: a model of the zoo, and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.errors import ConfigError
from mnist_etc.models.config import AugmentationConfig, FitConfig
from mnist_etc.models.losses import CLASSIFICATION_LOSSES
from mnist_etc.models.optimizers import Manner
from mnist_etc.models.routing import ROUTINGS
from mnist_etc.models.schedules import SCHEDULES
from mnist_etc.models.zoo import ZOO
from mnist_etc.schema import between, one_of, text

__all__ = ["HYPERPARAMETERS", "NOT_PRIVATE", "AnswerViews", "DistributionStrategy", "ZooConfig"]


class DistributionStrategy(Enum):
    """Where the gradient of a batch is computed."""

    one = "one"
    """On one device, TensorFlow's choice."""
    mirrored = "mirrored"
    """On all GPUs of the machine, a part of the batch each."""


class AnswerViews(Enum):
    """Which views of an image a trained model answers from."""

    none = "none"
    """The image itself."""
    mirror = "mirror"
    """It and its mirror image: the mean of their logits."""


@dataclass(kw_only=True)
class ZooConfig(FitConfig):
    """A model of the zoo, image to logits, and its fit; of the numbers that may be null it reads those of its row."""

    name: str = text()
    """Row of `mnist_etc.models.zoo.ZOO`; ``trained`` is what ``train.py`` trains, in commands that use a model."""
    loss: str = one_of(CLASSIFICATION_LOSSES)
    label_smoothing: float = between(0, 0.5)
    """Part of each label that is spread evenly over all classes."""
    weight_decay: float = between(0, 1)
    """Part of each weight that a step takes away at learning rate 1; of every optimizer but adam. Biases and
    normalizations keep theirs."""
    nesterov: bool = False
    """Look ahead along the momentum, of sgd and sam_sgd."""
    rho: float = between(1e-6, 10, default=0.05)
    """How far uphill sam and sam_sgd take their second gradient, by the norm of all weights together."""
    strategy: DistributionStrategy = DistributionStrategy.one
    schedule: str = one_of(SCHEDULES)
    ema: float = between(0, 0.999999)
    """Decay, a step, of the running average of the weights, which is measured and published; 0: the last ones are."""
    augment: bool
    """Fit on images that are varied as ``augmentation`` says."""
    augmentation: AugmentationConfig
    test_time_augmentation: AnswerViews = AnswerViews.none
    """What the finished model answers from; its steps see each image as ``augmentation`` says."""
    width: int | None = between(1, 4096)
    depth: int | None = between(1, 100)
    dropout: float | None = between(0, 0.99)
    hid_dim: int | None = between(1, 1024)
    """Numbers in the hidden code."""
    routing: str | None = one_of(ROUTINGS)
    """Of capsules."""
    reconstruction_weight: float | None = between(0, 1000)
    """Of the squared error of the image that the decoder rebuilds, in the loss."""

    def manner(self) -> Manner:
        """See `FitConfig`."""
        return Manner(
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            ema=self.ema,
            nesterov=self.nesterov,
            rho=self.rho,
            mirrored=self.strategy is DistributionStrategy.mirrored,
        )

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.label_smoothing and not CLASSIFICATION_LOSSES[self.loss].smooths:
            raise ConfigError(
                f"Expected model.label_smoothing=0 with model.loss={self.loss}; received {self.label_smoothing}. "
                "Leave one of them out."
            )
        if self.private and self.strategy is not DistributionStrategy.one:
            raise ConfigError(
                f"Expected model.strategy=one of a private model; received {self.strategy.name}. Its noise is drawn "
                "once for the whole batch. Leave it out."
            )
        if self.test_time_augmentation is AnswerViews.mirror and not (self.augment and self.augmentation.flip):
            able = "Leave it out"
            if not self.private:
                able = "Pass model.augment=true model.augmentation.flip=0.5, or leave it out"
            raise ConfigError(
                "Expected training images that are mirrored too with model.test_time_augmentation=mirror; received "
                f"model.augment={str(self.augment).lower()} model.augmentation.flip={self.augmentation.flip:g}. {able}."
            )
        if self.name not in ZOO:
            return
        self._fits(self.loss)
        reads = ZOO[self.name].reads
        for key in HYPERPARAMETERS:
            if getattr(self, key) is not None and key not in reads:
                known = ", ".join(f"model.{one}" for one in sorted(reads)) or "none of them"
                raise ConfigError(
                    f"Expected model.{key}=null with model={self.name}, which reads {known}; received "
                    f"{getattr(self, key)}. Leave it out."
                )
        if self.augment and self.private:
            raise ConfigError(
                "Expected model.augment=false of a private model; received true. Its guarantee is for each image seen "
                "as it is."
            )

    def _fits(self, loss: str) -> None:
        """Refuse a loss of capsules' lengths for a model that has none."""
        if CLASSIFICATION_LOSSES[loss].of_lengths and ZOO[self.name].logits_a_length is None:
            able = ", ".join(name for name in CLASSIFICATION_LOSSES if not CLASSIFICATION_LOSSES[name].of_lengths)
            raise ConfigError(
                f"Expected model.loss as one of {able} with model={self.name}, whose outputs are no lengths of "
                f"capsules; received {loss}."
            )


HYPERPARAMETERS = ("width", "depth", "dropout", "hid_dim", "routing", "reconstruction_weight")
"""What some models of the zoo read; null leaves each to the model."""
NOT_PRIVATE = ("dropout", "reconstruction_weight")
"""Those that a private training cannot have above 0."""
