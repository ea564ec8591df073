"""The fit of the classifier alone, from features in memory."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.data import Dataset
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.task import Task
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.models.losses import LOSSES
from mnist_etc.models.registry import CLASSIFIERS
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.training.features import compute
from mnist_etc.training.preprocessing import Preprocessing, Standardization, Whitening
from mnist_etc.training.recipe import fit_task

__all__ = ["fit_on_features"]


def fit_on_features(
    run: RunConfig,
    config: ClassifierConfig,
    plan: PrivacyPlan,
    network: keras.Model,
    dataset: Dataset,
    *,
    checkpoint: Checkpoint,
    report: Callable[[int, Metrics], None],
) -> tuple[keras.Model, list[Metrics]]:
    """Fit a classifier to the features that ``network`` gives, and return it, of raw features, with its history.

    Args:
        run: seed and privacy.
        config: of the classifier.
        plan: of a private fit, its last stage but one is the whitening.
        network: image ``(batch, 28, 28, 1)`` in [0, 1] to features ``(batch, n)``; stays as it is.
        dataset: fitted to its training images; ``validation_accuracy`` is measured after each epoch.
        checkpoint: see `mnist_etc.fit.loop.fit`.
        report: see `mnist_etc.fit.loop.fit`.

    Raises:
        TrainingError: the fit diverged.
    """
    features, seen = compute(network, dataset.train), compute(network, dataset.validation)
    preprocessing: Preprocessing = Standardization(features)
    if plan.private:
        seeds = Seeds(*checkpoint.secret(lambda: Seeds.draw(run.privacy.seed, "classifier")))
        preprocessing = Whitening(features, plan.stages[-2].noise_multiplier, seeds.moments)
    for values in (features, seen):
        preprocessing.apply(values)
    row = CLASSIFIERS[config.model]
    model = row.network(config, features.shape[1], run.seed)
    task = Task(label="classifier", model=model, arrays=[features, dataset.train.labels], loss=LOSSES[row.loss])

    def evaluate(_: int) -> Metrics:
        right = np.argmax(model(seen), axis=1) == dataset.validation.labels
        return {"validation_accuracy": float(np.mean(right))}

    history = fit_task(task, config, run, plan, checkpoint, evaluate=evaluate, report=report)
    return preprocessing.fold_into(model), history
