"""The schema of ``conf/``: every key, its type, unit and range. The YAML holds the values.

`schema.check` is the one place that refuses a value; Hydra has refused unknown keys and wrong types before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnist_etc.choices import (
    Accountant,
    DataKind,
    Engine,
    Features,
    Model,
    Optimizer,
    OutputActivation,
    Polarity,
    Prepare,
    Protocol,
)
from mnist_etc.errors import ConfigError
from mnist_etc.schema import between, path, text

__all__ = [
    "UNVARIED",
    "Accountant",
    "AugmentationConfig",
    "AutoencoderCommand",
    "AutoencoderConfig",
    "ClassifierCommand",
    "ClassifierConfig",
    "DataConfig",
    "DataKind",
    "Engine",
    "Features",
    "InferCommand",
    "Model",
    "Optimizer",
    "OutputActivation",
    "Polarity",
    "Prepare",
    "PrivacyConfig",
    "Protocol",
    "RunConfig",
    "TrainCommand",
    "between",
]


@dataclass(kw_only=True)
class DataConfig:
    """Where the images come from."""

    name: str
    """Letters, digits, '-' and '_'; the artifacts of every dataset but mnist stand in a folder of this name."""
    kind: DataKind
    root: str = path(empty=True)
    """Folder that holds ``<name>/`` with the files (idx), or ``train/`` and ``test/`` (folder); empty for digits."""
    prepare: Prepare
    """Of a folder's images, and of what ``infer.py`` is given."""
    validation: int = between(1, 1_000_000)
    """Images cut from the training ones, never trained on, to choose settings by."""
    split_seed: int = between(0, 2**32 - 1)
    """Which images the validation split gets; apart from ``seed``, so that runs can be compared."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ConfigError(f"Expected data.name of letters, digits, '-' and '_'; received {self.name!r}.")
        if self.kind is not DataKind.digits and not self.root:
            raise ConfigError("Expected data.root=<folder>; received an empty name. Pass the folder of the images.")


@dataclass(kw_only=True)
class PrivacyConfig:
    """The guarantee that ``private=true`` trains for, of everything trained on the same images together."""

    target_epsilon: float | None = between(1e-3, 1e4)
    """What may be spent; the noise multiplier follows. null where noise_multiplier is given."""
    noise_multiplier: float | None = between(0.01, 1000)
    """Standard deviation of the noise in units of the clip, in each private training; epsilon follows. Else null."""
    delta: float = between(1e-30, 0.1)
    """Probability that the guarantee may fail; below one over the number of training images."""
    accountant: Accountant
    engine: Engine
    autoencoder_share: float = between(0.01, 1)
    """Fraction of target_epsilon that a private autoencoder spends; the classifier gets what is left."""
    whitening_share: float = between(0.001, 0.9)
    """Fraction of target_epsilon that a private classifier spends on the second moments of its features; with
    noise_multiplier given, they get ten times that noise."""
    seed: int | None = between(0, 2**63 - 1)
    """Of the sampling and the noise. null: the operating system's, forgotten when the training ends; a number repeats a
    training to the bit, and whoever knows it can subtract the noise: for tests."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if (self.target_epsilon is None) == (self.noise_multiplier is None):
            raise ConfigError(
                "Expected either privacy.target_epsilon or privacy.noise_multiplier; received "
                f"{self.target_epsilon} and {self.noise_multiplier}. Pass one of them, and null for the other."
            )


@dataclass(kw_only=True)
class AutoencoderConfig:
    """The convolutional autoencoder and its fit."""

    hid_dim: int = between(1, 1024)
    """Numbers in the hidden code."""
    epochs: int = between(1, 10_000)
    private: bool
    """Train with DP-SGD."""
    l2_norm_clip: float = between(1e-6, 1e6)
    """Greatest norm of one image's gradient; of a private training alone."""
    batch_size: int = between(1, 65_536)
    """Images a step; of a private training: expected images."""
    optimizer: Optimizer
    learning_rate: float = between(1e-8, 10)
    """Peak rate, reached after the warm-up; from there a cosine to zero. A private training takes gradients in units of
    their noise, or of the clip where that is more, so one rate serves any clip and noise."""
    warmup: float = between(0, 1)
    """Fraction of all steps over which the rate climbs from zero."""
    output_activation: OutputActivation


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


UNVARIED = AugmentationConfig(shift=0, scale=0, rotation=0, shear=0, stroke=0)


@dataclass(kw_only=True)
class ClassifierConfig:
    """The classifier on the features and its fit."""

    features: Features
    epochs: int = between(1, 10_000)
    private: bool
    """Train with DP-SGD."""
    l2_norm_clip: float = between(1e-6, 1e6)
    """Greatest norm of one image's gradient; of a private training alone."""
    augment: bool
    """Fit on images that are varied as ``augmentation`` says."""
    augmentation: AugmentationConfig
    fine_tune: bool
    """Train the encoder on with the classifier, end to end; else it stays as the autoencoder's training left it."""
    hidden_units: list[int] = between(1, 65_536)
    """Widths of the ReLU layers between code and logits; empty: linear."""
    batch_size: int = between(1, 65_536)
    """Codes a step; of a private training: expected codes."""
    optimizer: Optimizer
    learning_rate: float = between(1e-8, 1e5)
    """Peak rate; see the autoencoder's."""
    warmup: float = between(0, 1)
    """Fraction of all steps over which the rate climbs from zero."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key, given in (("fine_tune", self.fine_tune), ("augment", self.augment)):
            if given and self.private:
                raise ConfigError(
                    f"Expected {key}=false of a private classifier; received true. Its guarantee is for a head on "
                    "features that stay as they are, each image seen as it is."
                )
            if given and self.features is not Features.code:
                raise ConfigError(
                    f"Expected features=code with {key}=true; received features={self.features.value}, which nothing "
                    "trains. Leave one of them out."
                )


@dataclass(kw_only=True)
class RunConfig:
    """What every training command shares."""

    data: DataConfig
    privacy: PrivacyConfig
    seed: int = between(0, 2**32 - 1)
    """Fixes initial weights and batch order: the same seed gives the same bits on the same machine."""
    artifacts: str = path()
    """Folder for everything that is written."""
    force: bool
    """Train again even where a finished result of the same configuration lies already."""
    run_name: str | None = text(null="a name that MLflow invents")
    """MLflow run name; null: MLflow invents one."""
    tracking_uri: str | None = text(null="no tracking")
    """MLflow store: sqlite:///file.db, http://host:port, ...; null: no tracking."""


@dataclass(kw_only=True)
class TrainCommand(RunConfig):
    """``train.py``: the autoencoder, then the classifier."""

    autoencoder: AutoencoderConfig
    classifier: ClassifierConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        _refuse_tuning_what_is_private(self.autoencoder, self.classifier)


@dataclass(kw_only=True)
class AutoencoderCommand(RunConfig, AutoencoderConfig):
    """``python -m train_.autoencoder``: the autoencoder's keys stand at the top."""


@dataclass(kw_only=True)
class ClassifierCommand(RunConfig, ClassifierConfig):
    """``python -m train_.classifier``: the classifier's keys stand at the top."""

    autoencoder: AutoencoderConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        _refuse_tuning_what_is_private(self.autoencoder, self)


@dataclass(kw_only=True)
class InferCommand(TrainCommand):
    """``infer.py``: the training keys choose the model, the rest says what to classify."""

    input: str | None = path(null="the dataset's test split")
    """PNG or JPEG file, a folder of them, an IDX or npz file; null: the dataset's test split."""
    model: Model
    prepare: Prepare
    """Of the input; the dataset's, unless given."""
    polarity: Polarity
    split: bool
    """Answer each figure of a picture that shows several, from left to right."""
    show: str | None = path(null="no pictures")
    """Folder for sheets that show each input beside what the model saw; null: none."""
    threads: int = between(0, 1024)
    """Threads of ONNX Runtime; 0: one a core."""
    server: str | None = text(null="ONNX Runtime on this machine")
    """host:port of a Triton server that classifies instead; null: ONNX Runtime, here."""
    protocol: Protocol
    """To that server: its HTTP port with http, its gRPC port with the others."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key, given in (("split=true", self.split), ("show", self.show is not None)):
            if given and self.input is None:
                raise ConfigError(f"Expected {key} with an input; received none. Pass input=<file or folder>.")
        if self.model is Model.pretrained and self.server is not None:
            raise ConfigError("Expected model=pretrained or server=; received both. Leave one of them out.")


def _refuse_tuning_what_is_private(autoencoder: AutoencoderConfig, classifier: ClassifierConfig) -> None:
    if autoencoder.private and classifier.fine_tune:
        raise ConfigError(
            "Expected autoencoder.private=false with fine_tune=true; received true. The encoder would be trained on "
            "without noise, and what its noise was for be lost. Leave one of them out."
        )
