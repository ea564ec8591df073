"""What a fit minimizes, of each example."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

    Predict = Callable[[tf.Tensor], tf.Tensor]

__all__ = ["CLASSIFICATION_LOSSES", "LOSSES", "cross_entropy", "squared_error"]

LOSSES: Registry[Callable[..., tf.Tensor]] = Registry("loss")
"""Each takes ``predict``, which is the model on a batch, and a batch of each array; it gives ``(batch,)``."""


def squared_error(predict: Predict, images: tf.Tensor) -> tf.Tensor:
    """Mean over the pixels of uint8 images ``(batch, 28, 28)``, on [0, 1]."""
    import tensorflow as tf

    pixels = tf.cast(images[..., tf.newaxis], tf.float32) / 255.0
    return tf.reduce_mean(tf.square(predict(pixels) - pixels), [1, 2, 3])


def cross_entropy(predict: Predict, inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Of the logits that ``predict`` gives for ``inputs`` ``(batch, n)``, with labels ``(batch,)``."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, predict(inputs))


LOSSES.add("squared_error", squared_error)
LOSSES.add("cross_entropy", cross_entropy)

CLASSIFICATION_LOSSES: Registry[Callable[..., tf.Tensor]] = Registry("loss")
"""What ``model.loss`` names; each takes logits ``(batch, classes)``, labels ``(batch,)`` and a label smoothing, and
gives ``(batch,)``."""


def negative_log_likelihood(logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Of the label, or of what ``smoothing`` makes of it."""
    import tensorflow as tf

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if not smoothing:
        return losses
    return (1 - smoothing) * losses - smoothing * tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)


CLASSIFICATION_LOSSES.add("nll", negative_log_likelihood)
