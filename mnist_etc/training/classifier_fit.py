"""The fit of the classifier alone, from features in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.loop import Task, fit
from mnist_etc.fit.private_loop import fit_private
from mnist_etc.models.classifier import build_classifier, cross_entropy
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.training.preprocessing import Preparation, Standardisation, Whitening

__all__ = ["Features", "accuracy", "fit_classifier"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Of the images of a split."""

    values: npt.NDArray[np.float32]
    """``(n, k)``."""
    labels: npt.NDArray[np.int64]
    """``(n,)``, in 0..9."""


def fit_classifier(
    run: RunConfig,
    config: ClassifierConfig,
    plan: PrivacyPlan,
    train: Features,
    validation: Features,
    *,
    checkpoint: Checkpoint,
    report: Callable[[int, Metrics], None],
) -> tuple[keras.Model, list[Metrics]]:
    """Prepare the features, in place, fit, and return the classifier of unprepared features and its history.

    Args:
        run: seed and privacy.
        config: of the classifier.
        plan: of this training.
        train: fitted to.
        validation: ``validation_accuracy`` is measured on it after each epoch.
        checkpoint: see `fit`.
        report: see `fit`.

    Raises:
        TrainingError: the fit diverged.
    """
    preparation: Preparation = Standardisation(train.values)
    if plan.private:
        seeds = Seeds(*checkpoint.secret(plan.seeds))
        preparation = Whitening(train.values, plan.whitening.noise_multiplier, seeds.moments)
    for features in (train, validation):
        preparation.apply(features.values)
    model = build_classifier(config, train.values.shape[1], run.seed)
    task = Task(label="classifier", model=model, arrays=[train.values, train.labels], loss=cross_entropy)

    def evaluate(_: int) -> Metrics:
        return {"validation_accuracy": accuracy(model, validation)}

    if plan.private:
        history = fit_private(task, config, plan, checkpoint=checkpoint, evaluate=evaluate, report=report)
    else:
        history = fit(task, config, seed=run.seed, checkpoint=checkpoint, evaluate=evaluate, report=report)
    return preparation.before(model), history


def accuracy(model: keras.Model, features: Features) -> float:
    """Fraction of the labels that the greatest logit meets."""
    return float(np.mean(np.argmax(model(features.values), axis=1) == features.labels))
