"""What every training goes through, once: done already? plan the privacy, resume, fit, evaluate, publish, record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.data_key import SHA256
from mnist_etc.artifacts.ledger import Ledger, Standing
from mnist_etc.artifacts.manifest import versions
from mnist_etc.data import Dataset
from mnist_etc.data.catalog import DOWNLOADS
from mnist_etc.data.classes import list_names
from mnist_etc.data.config import DataConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.registration import registered
from mnist_etc.training.report import report_skipped, write_figures
from mnist_etc.training.units import count_units

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.fit.loop import Steps
    from mnist_etc.fit.task import Task
    from mnist_etc.models.config import FitConfig

__all__ = ["EXAMPLES", "Fitted", "Published", "Training", "fit_task", "run_training", "standing"]

EXAMPLES = 64
"""Images by which a published network is compared with its ONNX file."""
Metrics = dict[str, float]
Report = Callable[[int, Metrics], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Published:
    """A network that a training leaves."""

    name: str
    """In the model registry."""
    artifact: Artifact
    network: keras.Model
    examples: npt.NDArray[np.float32]
    """Inputs of it, by which the ONNX file is compared; none of a training image."""
    classifies: bool = True
    """Whether its answers are of classes, whose names the ONNX file holds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """What a fit came to."""

    history: list[Metrics]
    figures: Metrics
    """Measured on the finished model."""
    published: tuple[Published, ...]
    """In the order in which they get their names."""
    more: Metrics = field(default_factory=dict)
    """Further metrics for the manifest alone."""


class Training(Protocol):
    """One training of a model of a registry; nothing of it needs TensorFlow before `fit`."""

    name: str
    outputs: tuple[Artifact, ...]
    """What it publishes; figures, history and checkpoint belong to the last."""
    settings: Mapping[str, Any]
    """What `mnist_etc.artifacts.fingerprint.fingerprint` returned."""
    sources: Mapping[str, str]
    """sha256 of each file it starts from, by name."""

    def plan(self) -> PrivacyPlan:
        """What it will guarantee.

        Raises:
            ConfigError: no noise multiplier keeps to the privacy budget.
        """

    def fit(self, plan: PrivacyPlan, checkpoint: Checkpoint, tracker: Tracker) -> Fitted:
        """Fit and evaluate.

        Raises:
            TrainingError: the fit diverged.
        """


def run_training(training: Training, run: RunConfig, dataset: Dataset, tracker: Tracker) -> Metrics:
    """Fit, evaluate, publish and record what ``training`` says; return its figures at once where that is done.

    Raises:
        ArtifactError: something of another configuration is there, or something cannot be written.
        ConfigError: no noise multiplier keeps to the privacy budget.
        ExportError: an ONNX file does not answer as its model.
        TrainingError: the fit diverged.
    """
    *_, main = training.outputs
    settings, sources = training.settings, training.sources
    if not run.force and not main.checkpoint.exists():
        done = [artifact.find_finished(settings, dataset.sha256, sources) for artifact in training.outputs]
        if all(done) and (figures := done[-1]):
            return report_skipped(main, figures)
    plan, ledger = training.plan(), Ledger(run.privacy)
    plan = plan.identified(_identity(training, {SHA256: dataset.sha256}, plan))
    if plan.private and not main.checkpoint.exists():
        ledger.check(dataset.training_sha256, plan.own, dataset.people_sha256)
    plan.announce()

    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.fit.checkpoint import Checkpoint

    data = ledger.named(dataset.sha256, private=bool(plan.guarantee.stages))
    checkpoint = Checkpoint(main.checkpoint, _identity(training, data, plan))
    _enter(ledger, plan, checkpoint, dataset, main.stem, run.data)
    with tracker.child(training.name):
        tracker.parameters(settings)
        tracker.tag("privacy", plan.guarantee.words)
        tracker.tag("classes", f"{len(dataset.names):,}: {list_names(dataset.names)}")
        fitted = training.fit(plan, checkpoint, tracker)
        lifetime = _enter(ledger, plan, checkpoint, dataset, main.stem, run.data)  # others may have begun meanwhile
        if lifetime:
            tracker.tag("privacy_lifetime", lifetime.words)
        for one in fitted.published:
            one.artifact.publish(
                _writers(one, dataset.names, plan.guarantee.epsilon),
                settings=settings,
                dataset_sha256=dataset.sha256,
                metrics=fitted.figures | fitted.more,
                privacy=plan.guarantee.to_manifest() | ({"lifetime": lifetime.to_manifest()} if lifetime else {}),
                sources=sources,
                classes=dataset.names,
            )
        write_figures(main, fitted.figures, fitted.history, plan.guarantee)
        if lifetime:
            print(f"{main.stem}  all private trainings on these images so far: {lifetime.words} ({ledger.path})")
        checkpoint.remove()
        for one in fitted.published if tracker.records else ():
            with registered(one, dataset) as form:
                tags = {"privacy": plan.guarantee.words, **form.tags}
                tracker.model(one.name, form.path, one.examples[:1], form.answer, tags)
        tracker.metrics(fitted.figures)
    return fitted.figures


def fit_task(
    task: Task,
    config: FitConfig,
    run: RunConfig,
    plan: PrivacyPlan,
    checkpoint: Checkpoint,
    *,
    evaluate: Callable[[int], Metrics],
    report: Report,
) -> list[Metrics]:
    """Fit ``task`` by plain steps or, where ``plan`` is private, by private ones; see `mnist_etc.fit.loop.fit`."""
    from mnist_etc.fit.loop import fit

    steps: Steps
    if plan.private:
        from mnist_etc.fit.private import PrivateSteps
        from mnist_etc.privacy.seeds import Seeds

        steps = PrivateSteps(task, config, plan, Seeds(*checkpoint.secret(plan.seeds)))
    else:
        from mnist_etc.fit.plain import PlainSteps

        steps = PlainSteps(task, config, run.seed)
    return fit(steps, checkpoint=checkpoint, evaluate=evaluate, report=report)


def _enter(
    ledger: Ledger, plan: PrivacyPlan, checkpoint: Checkpoint, dataset: Dataset, model: str, data: DataConfig
) -> Standing | None:
    """Count a private training before its first step; the seeds in its checkpoint tell whether it is a new one.

    Returns:
        What all that were begun by now give away together.
    """
    if not plan.private:
        return None
    from mnist_etc.privacy.seeds import Seeds

    training = Seeds(*checkpoint.secret(plan.seeds)).fingerprint
    standing = ledger.enter(
        training, dataset.training_sha256, plan.own, model, dataset.people_sha256, dataset.split_sha256
    )
    return _with_defaults(standing, data)


def standing(run: RunConfig, dataset: Dataset) -> Standing:
    """What all private trainings on the images of ``dataset`` that were begun by now give away together.

    Raises:
        ArtifactError: the ledger is damaged.
    """
    _, unit = count_units(dataset.train)
    found = Ledger(run.privacy).standing(dataset.training_sha256, unit, dataset.people_sha256, dataset.split_sha256)
    return _with_defaults(found, run.data)


def _with_defaults(standing: Standing, data: DataConfig) -> Standing:
    known = data.kind == "idx" and data.name in DOWNLOADS
    return dataclasses.replace(standing, chose_defaults=known and DOWNLOADS[data.name].chose_defaults)


def _identity(training: Training, data: Mapping[str, str], plan: PrivacyPlan) -> dict[str, Any]:
    """What a training is, as plain JSON types: what its checkpoint belongs to, and given seeds follow from.

    A private training on another encoder, or of another plan, is one of its own: it shares neither weights nor seeds.
    So is one on other software, whose samples and features under the same seeds may be others.
    """
    return {
        "configuration": dict(training.settings),
        **data,
        "sources": dict(training.sources),
        "stages": [stage.to_manifest() for stage in plan.stages],
        **({"software": versions()} if plan.private else {}),
    }


def _writers(one: Published, names: Sequence[str], epsilon: float | None) -> dict[Path, Callable[[Path], None]]:
    from mnist_etc.export.metadata import describe
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.h5 import write_h5

    metadata = describe(one.network, classes=names if one.classifies else None, epsilon=epsilon)
    return {
        one.artifact.h5: lambda path: write_h5(one.network, path),
        one.artifact.onnx: lambda path: write_onnx(one.network, path, one.examples, metadata),
    }
