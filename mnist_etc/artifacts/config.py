"""The schema of what every command that trains, or uses a trained model, is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mnist_etc.artifacts.gates import GatesConfig
from mnist_etc.data.config import DataConfig
from mnist_etc.errors import ConfigError
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.losses import LOSSES
from mnist_etc.models.registry import AUTOENCODERS, CLASSIFIERS, Architecture
from mnist_etc.models.zoo import ZOO
from mnist_etc.models.zoo_config import NOT_PRIVATE, ZooConfig
from mnist_etc.privacy.config import LifetimePrivacyConfig, PrivacyConfig
from mnist_etc.privacy.registry import refuse
from mnist_etc.schema import between, path, text

__all__ = [
    "TRAINED",
    "AutoencoderCommand",
    "ClassifierCommand",
    "FewLabelsCommand",
    "RunConfig",
    "SupervisedCommand",
    "TrackingConfig",
    "TrainCommand",
    "UseCommand",
]

TRAINED = "trained"
"""As ``model``: what ``train.py`` trains, the autoencoder's code and the classifier on it."""


@dataclass(kw_only=True)
class TrackingConfig:
    """What records a training beside the store at ``tracking_uri``."""

    tensorboard: bool = False
    """Write scalars, pictures and codes that ``tensorboard --logdir artifacts/`` shows."""


@dataclass(kw_only=True)
class RunConfig:
    """What every training shares."""

    multirun = True  # no annotation: not a key, but whether the command may be run once for each of several values

    data: DataConfig
    privacy: LifetimePrivacyConfig
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
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


@dataclass(kw_only=True)
class TrainCommand(RunConfig):
    """``train.py``: the autoencoder, then the classifier."""

    autoencoder: AutoencoderConfig
    classifier: ClassifierConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        _check_models(self.privacy, self.autoencoder, self.classifier)


@dataclass(kw_only=True)
class AutoencoderCommand(RunConfig, AutoencoderConfig):
    """``python -m train_.autoencoder``: the autoencoder's keys stand at the top."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        _check_models(self.privacy, self)


@dataclass(kw_only=True)
class ClassifierCommand(RunConfig, ClassifierConfig):
    """``python -m train_.classifier``: the classifier's keys stand at the top."""

    autoencoder: AutoencoderConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        _check_models(self.privacy, self.autoencoder, self)


@dataclass(kw_only=True)
class SupervisedCommand(RunConfig):
    """``python -m train_.supervised``: a model of the zoo, image to logits."""

    model: ZooConfig
    gates: GatesConfig
    """What the model has to pass; else it stays a candidate, and nothing is published."""
    repository: str = path()
    """Triton's model repository, where a model that passes is published behind the output policy ``levels``."""
    skip_export: bool
    """Publish nothing."""
    skip_visualizations: bool
    """Draw no plots."""
    quiet: bool
    """Print into ``pipeline.log`` alone; warnings still reach the terminal."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.gates.as_trained:
            raise ConfigError(
                "Expected gates=default or gates=off, since nothing is trained yet; received gates.as_trained=true. "
                "Leave it out."
            )
        ZOO.check(self.model.name, "model")
        check_zoo_model(self.privacy, self.model)

    @classmethod
    def offers(cls, group: str, choice: str) -> bool:
        """Whether a choice of a folder of ``conf/`` is one for this command."""
        return choice in ZOO if group == "model" else (group, choice) != ("gates", "as_trained")


@dataclass(kw_only=True)
class FewLabelsCommand(SupervisedCommand):
    """``python -m train_.few_labels``: a model of the zoo, of labels that are asked one at a time."""

    labels: LabelsConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.labels.budget is None:
            raise ConfigError(
                "Expected labels.budget=<how many labels may be asked>; received null. With all labels known: "
                f"train_.supervised model={self.model.name}"
            )
        if self.model.private:
            raise ConfigError(
                "Expected model.private=false; received true. No guarantee is known for a choice of questions. Leave "
                "it out."
            )
        if self.model.name in ZOO and ZOO[self.model.name].trains is not None:
            raise ConfigError(
                f"Expected a model that gives logits alone while it is trained; received {self.model.name}. "
                "Pass model=student."
            )
        if not self.skip_export:
            raise ConfigError(
                "Expected skip_export=true, since an output policy is fitted to labels that were not asked; received "
                "false. Publish it afterwards: python -m mnist_etc.export, with the same keys."
            )

    @classmethod
    def offers(cls, group: str, choice: str) -> bool:
        """See `SupervisedCommand`."""
        return super().offers(group, choice) and (group != "model" or ZOO[choice].trains is None)


@dataclass(kw_only=True)
class UseCommand(TrainCommand):
    """Commands that use a trained model: the training keys choose which."""

    multirun = False

    model: ZooConfig
    few_labels: LabelsConfig = field(default_factory=LabelsConfig)
    """With a budget: the model of ``train_.few_labels``, whose ``labels`` these are."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.few_labels.budget is not None and self.model.name not in ZOO:
            raise ConfigError(
                f"Expected few_labels.budget=null with model={self.model.name}; received {self.few_labels.budget}. "
                "Name the model that few labels trained: model=student."
            )
        if self.model.name in ZOO:
            check_zoo_model(self.privacy, self.model)
        elif self.model.name not in self.models():
            names = ", ".join(self.models())
            raise ConfigError(f"Expected model as one of {names}; received {self.model.name!r}.")

    def unread(self, given: Sequence[str]) -> None:
        """Refuse keys of a model of the zoo where none is chosen: they would change nothing.

        Args:
            given: keys that were typed.

        Raises:
            ConfigError: names the first of them.
        """
        keys = [key for key in given if key.startswith("model.")]
        if keys and self.model.name not in ZOO:
            raise ConfigError(
                f"Expected a model of the zoo with {keys[0]}; received model={self.model.name}, which does not read "
                f"it. Pass model=<one of {', '.join(ZOO)}>, or leave {keys[0]} out."
            )

    @classmethod
    def offers(cls, group: str, choice: str) -> bool:
        """Whether a choice of a folder of ``conf/`` is one for this command."""
        return group != "model" or choice in cls.models()

    @classmethod
    def models(cls) -> tuple[str, ...]:
        """What ``model`` may name."""
        return (TRAINED, *ZOO)


def check_zoo_model(privacy: PrivacyConfig, model: ZooConfig) -> None:
    """Refuse a private training by an engine that has no rule for one of the model's layers, or for what keys add."""
    if not model.private:
        return
    refuse(privacy.engine, sorted(ZOO[model.name].made_of(private=True)))
    for key in NOT_PRIVATE:
        if given := getattr(model, key):
            raise ConfigError(
                f"Expected model.{key}=0 of a private model; received {given}. No clipping engine follows what it "
                "adds to the network. Leave it out."
            )


def _check_models(
    privacy: PrivacyConfig, autoencoder: AutoencoderConfig, classifier: ClassifierConfig | None = None
) -> None:
    rows: list[tuple[AutoencoderConfig | ClassifierConfig, Architecture]] = [
        (autoencoder, AUTOENCODERS[autoencoder.model])
    ]
    if classifier is not None:
        rows.append((classifier, CLASSIFIERS[classifier.model]))
    for config, row in rows:
        LOSSES.check(row.loss, f"the loss of {config.model}")
        if config.private:
            refuse(privacy.engine, sorted(row.layers))
    if autoencoder.private and classifier is not None and classifier.fine_tune:
        raise ConfigError(
            "Expected autoencoder.private=false with fine_tune=true; received true. The encoder would be trained on "
            "without noise, and what its noise was for be lost. Leave one of them out."
        )
