"""The fit of the classifier alone, from features in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.task import Task
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.models.losses import LOSSES
from mnist_etc.models.registry import CLASSIFIERS
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.training.preprocessing import Preprocessing, Standardization, Whitening
from mnist_etc.training.recipe import fit_task

__all__ = ["LabeledFeatures", "accuracy", "fit_on_features"]


class LabeledFeatures(NamedTuple):
    """Of the images of a split."""

    values: npt.NDArray[np.float32]
    """``(n, k)``."""
    labels: npt.NDArray[np.int64]
    """``(n,)``, each from 0 up."""
    owners: npt.NDArray[np.int64] | None = None
    """``(n,)``: see `mnist_etc.data.Split`."""


def fit_on_features(
    run: RunConfig,
    config: ClassifierConfig,
    plan: PrivacyPlan,
    train: LabeledFeatures,
    validation: LabeledFeatures,
    *,
    classes: int,
    checkpoint: Checkpoint,
    report: Callable[[int, Metrics], None],
) -> tuple[keras.Model, list[Metrics]]:
    """Preprocess the features, in place, fit, and return the classifier of raw features and its history.

    Args:
        run: seed and privacy.
        config: of the classifier.
        plan: of a private fit, the features are whitened by what it releases of them.
        train: fitted to.
        validation: ``validation_accuracy`` is measured on it after each epoch.
        classes: how many there are.
        checkpoint: see `mnist_etc.fit.loop.fit`.
        report: see `mnist_etc.fit.loop.fit`.

    Raises:
        ConfigError: a classifier that is not private does not begin with a dense layer, or it has other logits than
            classes.
        TrainingError: the fit diverged.
    """
    features = train.values
    preprocessing: Preprocessing
    if plan.private:  # and no mean is taken, of which NumPy would warn where one image's features are not finite
        moments = Seeds(*checkpoint.secret(plan.seeds)).moments
        preprocessing = Whitening(features, plan.whitening.noise_multiplier, moments, train.owners)
    else:
        preprocessing = Standardization(features)
    for part in (train, validation):
        preprocessing.apply(part.values)
    row = CLASSIFIERS[config.model]
    model = row.head(config, features.shape[1], run.seed, classes)
    preprocessing.check(model)
    task = Task(
        label="classifier",
        model=model,
        arrays=[features, train.labels],
        loss=LOSSES[row.loss],
        owners=train.owners,
    )

    def evaluate(_: int) -> Metrics:
        return {"validation_accuracy": accuracy(model, validation)}

    history = fit_task(task, config, run, plan, checkpoint, evaluate=evaluate, report=report)
    return preprocessing.fold_into(model), history


def accuracy(model: keras.Model, features: LabeledFeatures) -> float:
    """Fraction of the labels that the greatest logit meets."""
    return float(np.mean(np.argmax(model(features.values), axis=1) == features.labels))
