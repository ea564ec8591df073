"""TARGETS, what can be swept; SAMPLERS and PRUNERS, how: Optuna's own, imported when they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import FewLabelsCommand, SupervisedCommand, TrainCommand
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.registry import Registry

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

__all__ = ["PRUNERS", "SAMPLERS", "TARGETS", "Target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A row of `TARGETS`, named after its row of ``COMMANDS``; it measures ``validation_accuracy``."""

    schema: type[Any]
    """Of its configuration."""
    artifact: Callable[[Any], Artifact]
    """The model that it publishes, given its configuration."""
    label: Callable[[Any], str]
    """What tells its studies apart, before the data."""


TARGETS: Registry[Target] = Registry("command that can be swept")
TARGETS.add(
    "supervised",
    Target(
        schema=SupervisedCommand,
        artifact=lambda run: RunFolder.of(run, run.model).full_model,
        label=lambda run: str(run.model.name),
    ),
)
TARGETS.add(
    "few_labels",
    Target(
        schema=FewLabelsCommand,
        artifact=lambda run: RunFolder.of(run, run.model, run.labels).full_model,
        label=lambda run: f"{run.model.name}_{run.labels.budget}_labels",
    ),
)
TARGETS.add(
    "train",
    Target(
        schema=TrainCommand,
        artifact=lambda run: ArtifactFolder.of(run).full_model(run.autoencoder, run.classifier),
        label=lambda _: "train",
    ),
)


def _tpe(seed: int | None) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _random(seed: int | None) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _median() -> BasePruner:
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=5, n_warmup_steps=1)


def _hyperband() -> BasePruner:
    from optuna.pruners import HyperbandPruner

    return HyperbandPruner()


def _none() -> BasePruner:
    from optuna.pruners import NopPruner

    return NopPruner()


SAMPLERS: Registry[Callable[[int | None], BaseSampler]] = Registry("sampler")
SAMPLERS.add("tpe", _tpe)
SAMPLERS.add("random", _random)
PRUNERS: Registry[Callable[[], BasePruner]] = Registry("pruner")
PRUNERS.add("median", _median)
PRUNERS.add("hyperband", _hyperband)
PRUNERS.add("none", _none)
