"""The fit of the classifier from images: the encoder trained on with it, or left as it is before varied images."""

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
from mnist_etc.fit.loop import Task, fit
from mnist_etc.models.augmentation import varied
from mnist_etc.models.classifier import build_classifier
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.training.features import compute
from mnist_etc.training.preprocessing import Standardisation

__all__ = ["fit_on_images"]

MEASURED = 5000
"""Training images whose codes decide how codes are standardised."""


def fit_on_images(
    run: RunConfig,
    config: ClassifierConfig,
    encoder: keras.Model,
    train: Split,
    validation: Split,
    *,
    checkpoint: Checkpoint,
    report: Callable[[int, Metrics], None],
) -> tuple[keras.Model, list[Metrics]]:
    """Fit, and return the classifier of codes and its history; with ``config.fine_tune`` ``encoder`` changes in place.

    Args:
        run: the seed.
        config: of the classifier.
        encoder: image ``(batch, 28, 28, 1)`` in [0, 1] to code ``(batch, n)``.
        train: fitted to.
        validation: ``validation_accuracy`` is measured on it after each epoch.
        checkpoint: see `fit`.
        report: see `fit`.

    Raises:
        TrainingError: the fit diverged.
    """
    preparation = Standardisation(compute(encoder, Split(train.images[:MEASURED], train.labels[:MEASURED])))
    head = build_classifier(config, encoder.output_shape[-1], run.seed)
    encoder.trainable = config.fine_tune
    whole = keras.Sequential([layers.Input(encoder.input_shape[1:]), encoder, preparation.layer(), head])

    def cross_entropy(predict: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        logits = predict(tf.cast(images[..., tf.newaxis], tf.float32) / 255.0)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    def evaluate(_: int) -> Metrics:
        predicted = compute(whole, validation).argmax(axis=1)
        return {"validation_accuracy": float(np.mean(predicted == validation.labels))}

    task = Task(
        label="classifier",
        model=whole,
        arrays=[train.images, train.labels],
        loss=cross_entropy,
        vary=partial(varied, config=config.augmentation) if config.augment else None,
    )
    history = fit(task, config, seed=run.seed, checkpoint=checkpoint, evaluate=evaluate, report=report)
    encoder.trainable = True
    return preparation.before(head), history
