"""The fit of the classifier from images: the encoder trained on with it, or left as it is before augmented images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.data import Split
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.task import Task
from mnist_etc.models.augmentation import augmented
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.models.losses import LOSSES
from mnist_etc.models.registry import CLASSIFIERS
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.training.features import compute
from mnist_etc.training.preprocessing import Standardization
from mnist_etc.training.recipe import fit_task

__all__ = ["fit_on_images"]

MEASURED = 5000
"""Training images whose codes decide how codes are standardized."""


def fit_on_images(
    run: RunConfig,
    config: ClassifierConfig,
    plan: PrivacyPlan,
    network: keras.Model,
    train: Split,
    validation: Split,
    *,
    checkpoint: Checkpoint,
    report: Callable[[int, Metrics], None],
) -> tuple[keras.Model, list[Metrics]]:
    """Fit, and return the classifier of codes and its history; with ``config.fine_tune`` ``network`` changes in place.

    Args:
        run: the seed.
        config: of the classifier.
        plan: one that is not private.
        network: the encoder, image ``(batch, side, side, 1)`` in [0, 1] to code ``(batch, n)``.
        train: fitted to.
        validation: ``validation_accuracy`` is measured on it after each epoch.
        checkpoint: see `mnist_etc.fit.loop.fit`.
        report: see `mnist_etc.fit.loop.fit`.

    Raises:
        ConfigError: the classifier does not begin with a dense layer, or has other logits than classes.
        TrainingError: the fit diverged.
    """
    row = CLASSIFIERS[config.model]
    preprocessing = Standardization(compute(network, train.some(np.arange(min(MEASURED, len(train))))))
    head = row.head(config, network.output_shape[-1], run.seed, len(train.names))
    preprocessing.check(head)
    network.trainable = config.fine_tune
    whole = keras.Sequential([layers.Input(network.input_shape[1:]), network, preprocessing.layer(), head])

    def loss(predict: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return LOSSES[row.loss](predict, tf.cast(images[..., tf.newaxis], tf.float32) / 255.0, labels)

    def evaluate(_: int) -> Metrics:
        right = compute(whole, validation).argmax(axis=1) == validation.labels
        return {"validation_accuracy": float(np.mean(right))}

    task = Task(
        label="classifier",
        model=whole,
        arrays=[train.images, train.labels],
        loss=loss,
        augment=partial(augmented, config=config.augmentation) if config.augment else None,
    )
    history = fit_task(task, config, run, plan, checkpoint, evaluate=evaluate, report=report)
    network.trainable = True
    return preprocessing.fold_into(head), history
