"""The schema of ``conf/autoencoder/`` and ``conf/classifier/``: what a model is, and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.errors import ConfigError
from mnist_etc.models.features import FEATURES
from mnist_etc.models.optimizers import OPTIMIZERS, Manner
from mnist_etc.models.registry import AUTOENCODERS, CLASSIFIERS
from mnist_etc.schema import between, one_of

__all__ = [
    "UNVARIED",
    "AugmentationConfig",
    "AutoencoderConfig",
    "ClassifierConfig",
    "FitConfig",
    "OutputActivation",
]


class OutputActivation(Enum):
    """What the decoder's last layer applies."""

    linear = "linear"
    sigmoid = "sigmoid"
    clip = "clip"
    """Clip to [0, 1]; the gradient passes straight through, so a clipped pixel can come back."""


@dataclass(kw_only=True)
class FitConfig:
    """How a model is fitted."""

    epochs: int = between(1, 10_000)
    private: bool
    """Train with DP-SGD."""
    l2_norm_clip: float = between(1e-6, 1e6)
    """Greatest norm of one image's gradient; of a private training alone."""
    batch_size: int = between(1, 65_536)
    """Images a step; of a private training: expected images."""
    optimizer: str = one_of(OPTIMIZERS)
    learning_rate: float = between(1e-8, 1e5)
    """Peak rate, reached after the warm-up; from there a cosine to zero. A private training takes gradients in units of
    their noise, or of the clip where that is more, so one rate serves any clip and noise."""
    warmup: float = between(0, 1)
    """Fraction of all steps over which the rate climbs from zero."""

    def manner(self) -> Manner:
        """What decides the fit beside these keys."""
        return Manner()

    def consistent_under(self, prefix: str) -> None:
        """Refuse what no range can say; see `check`."""
        row, decay = OPTIMIZERS[self.optimizer], self.manner().weight_decay
        if self.private and row.not_private:
            raise ConfigError(
                f"Expected an optimizer that a private training can have; received {self.optimizer}: "
                f"{row.not_private}. Pass {prefix}optimizer=sgd."
            )
        if decay is None and row.without_decay:
            raise ConfigError(
                f"Expected {prefix}optimizer={row.without_decay}, which {self.optimizer} is where no key gives a "
                f"weight decay; received {self.optimizer}. Pass {prefix}optimizer={row.without_decay}."
            )
        if decay and not row.decays:
            able = ", ".join(name for name in OPTIMIZERS if OPTIMIZERS[name].decays)
            raise ConfigError(
                f"Expected {prefix}weight_decay=0 with {prefix}optimizer={self.optimizer}; received {decay}. Pass an "
                f"optimizer with weight decay: {able}."
            )
        if self.manner().nesterov and not row.nesterov:
            able = " or ".join(name for name in OPTIMIZERS if OPTIMIZERS[name].nesterov)
            raise ConfigError(
                f"Expected {prefix}nesterov=false with {prefix}optimizer={self.optimizer}; received true. Pass "
                f"{prefix}optimizer={able}."
            )
        if self.manner().rho != Manner.rho and not row.ascends:
            able = " or ".join(name for name in OPTIMIZERS if OPTIMIZERS[name].ascends)
            raise ConfigError(
                f"Expected {prefix}rho={Manner.rho} with {prefix}optimizer={self.optimizer}, which does not read it; "
                f"received {self.manner().rho}. Leave it out, or pass {prefix}optimizer={able}."
            )


@dataclass(kw_only=True)
class AutoencoderConfig(FitConfig):
    """The autoencoder and its fit."""

    model: str = one_of(AUTOENCODERS, default="convolutional")
    hid_dim: int = between(1, 1024)
    """Numbers in the hidden code."""
    learning_rate: float = between(1e-8, 10)
    output_activation: OutputActivation
    pretraining_epochs: int = between(0, 10_000, default=0)
    """Epochs over images drawn by chance, before the first training image: they cost no privacy."""
    kl_weight: float | None = between(0, 1000, default=None)
    """Of the codes' divergence from a standard normal distribution, in the loss of ``model=vae``; null: the model's
    own."""
    sigma: float | None = between(1e-3, 10, default=None)
    """Standard deviation by which a pixel, on [0, 1], is taken to be off the one rebuilt, likewise."""

    def consistent_under(self, prefix: str) -> None:
        """Refuse what no range can say; see `check`."""
        row = AUTOENCODERS[self.model]
        if self.private and row.not_private:
            raise ConfigError(
                f"Expected {prefix}model as one that a private training can have; received {self.model}: "
                f"{row.not_private}. Pass {prefix}model={type(self).model} or {prefix}private=false."
            )
        for key in OF_SOME_AUTOENCODERS:
            if (given := getattr(self, key)) is not None and key not in row.reads:
                known = ", ".join(prefix + one for one in sorted(row.reads)) or "none of them"
                raise ConfigError(
                    f"Expected {prefix}{key}=null with {prefix}model={self.model}, which reads {known}; received "
                    f"{given}. Leave it out, or pass {prefix}model={_readers(key)}."
                )


@dataclass(kw_only=True)
class AugmentationConfig:
    """How far each training image is moved, turned and bent, at random and anew in every epoch; 0: not."""

    shift: float = between(0, 14)
    """Pixels, in either direction."""
    scale: float = between(0, 0.9)
    """Fraction by which each side may grow or shrink."""
    rotation: float = between(0, 180)
    """Degrees, either way round."""
    shear: float = between(0, 1)
    """Columns a row that the image may lean, either way."""
    stroke: float = between(0, 3)
    """Pixels by which strokes may grow or shrink at each edge."""
    elastic: float = between(0, 8, default=0)
    """Pixels by which each place is displaced: the standard deviation in either direction."""
    smoothness: float = between(1, 28, default=4)
    """Of the elastic displacement: the standard deviation, in pixels, of the Gaussian that it is smoothed by."""
    erasing: float = between(0, 1, default=0)
    """Greatest side, as a part of the image's, of a rectangle that is blackened."""
    flip: float = between(0, 1, default=0)
    """Part of the images that is mirrored, left to right: for clothes, not for digits."""


UNVARIED = AugmentationConfig(shift=0, scale=0, rotation=0, shear=0, stroke=0)


@dataclass(kw_only=True)
class ClassifierConfig(FitConfig):
    """The classifier on the features and its fit."""

    model: str = one_of(CLASSIFIERS, default="dense")
    features: str = one_of(FEATURES)
    augment: bool
    """Fit on images that are varied as ``augmentation`` says."""
    augmentation: AugmentationConfig
    fine_tune: bool
    """Train the encoder on with the classifier, end to end; else it stays as the autoencoder's training left it."""
    hidden_units: list[int] = between(1, 65_536)
    """Widths of the ReLU layers between features and logits; empty: linear."""
    random_features: int = between(0, 16_384, default=0)
    """Fixed nonlinear functions of the features that the classifier reads in their place; 0: the features."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key, given in (("fine_tune", self.fine_tune), ("augment", self.augment)):
            if given and self.private:
                raise ConfigError(
                    f"Expected {key}=false of a private classifier; received true. Its guarantee is for a head on "
                    "features that stay as they are, each image seen as it is."
                )
            if given and not FEATURES[self.features].trained:
                raise ConfigError(
                    f"Expected features=code with {key}=true; received features={self.features}, which nothing "
                    "trains. Leave one of them out."
                )
            if given and self.random_features:
                raise ConfigError(
                    f"Expected random_features=0 with {key}=true; received {self.random_features}. They are computed "
                    "once, of features that stay as they are. Leave one of them out."
                )


def _readers(key: str) -> str:
    return " or ".join(name for name in AUTOENCODERS if key in AUTOENCODERS[name].reads)


OF_SOME_AUTOENCODERS = ("kl_weight", "sigma")
"""What some autoencoders read; null leaves each to the model."""
