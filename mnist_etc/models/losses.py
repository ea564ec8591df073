"""What a fit minimizes, of each example."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

    Predict = Callable[[tf.Tensor], tf.Tensor]

__all__ = [
    "CLASSIFICATION_LOSSES",
    "LOSSES",
    "ClassificationLoss",
    "cross_entropy",
    "divergence",
    "evidence_lower_bound",
    "image_loss",
    "squared_error",
]

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


def evidence_lower_bound(predict: Predict, images: tf.Tensor, *, sigma: float, kl_weight: float) -> tf.Tensor:
    """The negative one of uint8 images ``(batch, 28, 28)``, in nats a pixel, by one code drawn for each image.

    After Kingma and Welling 2013, arXiv:1312.6114, equation 7, with a weight of the divergence (Higgins et al. 2017,
    "beta-VAE", equation 4). Only ``2 * sigma**2 * kl_weight`` decides which network is the best one.

    Args:
        predict: images ``(batch, 28, 28, 1)`` in [0, 1] to those rebuilt, mean and log-variance ``(batch, hid_dim)``.
        images: the batch.
        sigma: standard deviation of the Gaussian by which each pixel, on [0, 1], is off the one rebuilt.
        kl_weight: of the `divergence`; 1 gives the bound.
    """
    import tensorflow as tf

    pixels = tf.cast(images[..., tf.newaxis], tf.float32) / 255.0
    rebuilt, mean, log_variance = predict(pixels)
    errors = tf.reduce_mean(tf.square(rebuilt - pixels), [1, 2, 3])
    unlikely = errors / (2 * sigma**2) + math.log(sigma * math.sqrt(2 * math.pi))
    return unlikely + kl_weight * divergence(mean, log_variance) / float(math.prod(pixels.shape[1:]))


def divergence(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence ``(batch,)``, in nats, of Gaussians from a standard normal distribution.

    Kingma and Welling 2013, arXiv:1312.6114, appendix B; mean and log-variance are ``(batch, n)``.
    """
    import tensorflow as tf

    return tf.reduce_sum(tf.exp(log_variance) + tf.square(mean) - 1 - log_variance, axis=1) / 2


LOSSES.add("squared_error", squared_error)
LOSSES.add("cross_entropy", cross_entropy)
LOSSES.add("evidence_lower_bound", evidence_lower_bound)


@dataclass(frozen=True, kw_only=True)
class ClassificationLoss:
    """A row of `CLASSIFICATION_LOSSES`."""

    help: str
    of: Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]
    """Logits ``(batch, classes)``, labels ``(batch,)`` and label smoothing to each example's loss, ``(batch,)``."""
    smooths: bool = True
    """Whether it takes a label smoothing above 0."""
    of_lengths: bool = False
    """Whether it is of the lengths of capsules, ``(batch, classes)`` in [0, 1], in place of logits."""


CLASSIFICATION_LOSSES: Registry[ClassificationLoss] = Registry("loss")
"""What ``model.loss`` names."""


def negative_log_likelihood(logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Cross-entropy of the softmax with the label, or with what `smoothed` makes of it."""
    import tensorflow as tf

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if not smoothing:
        return losses
    return (1 - smoothing) * losses - smoothing * tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)


def squared_error_of_softmax(logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Sum over the classes of the squared error of the softmax (Brier 1950), so that logits stay logits."""
    import tensorflow as tf

    return tf.reduce_sum(tf.square(tf.nn.softmax(logits) - smoothed(labels, logits.shape[1], smoothing)), axis=1)


def margin(lengths: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:  # noqa: ARG001
    """Of the lengths of capsules (Sabour, Frosst and Hinton 2017, arXiv:1710.09829, equation 4)."""
    import tensorflow as tf

    present = tf.one_hot(labels, lengths.shape[1])
    short, long = tf.nn.relu(PRESENT - lengths), tf.nn.relu(lengths - ABSENT)
    return tf.reduce_sum(present * tf.square(short) + DOWN * (1 - present) * tf.square(long), axis=1)


PRESENT, ABSENT, DOWN = 0.9, 0.1, 0.5
"""m+, m- and lambda of the margin loss."""


def smoothed(labels: tf.Tensor, classes: int, smoothing: float) -> tf.Tensor:
    """``(batch, classes)``: 1 for the label, of which ``smoothing`` is spread evenly over all classes.

    After Szegedy et al. 2016, arXiv:1512.00567, section 7.
    """
    import tensorflow as tf

    return (1 - smoothing) * tf.one_hot(labels, classes) + smoothing / classes


CLASSIFICATION_LOSSES.add("nll", ClassificationLoss(help="cross-entropy", of=negative_log_likelihood))
CLASSIFICATION_LOSSES.add(
    "mse", ClassificationLoss(help="squared error of the probabilities", of=squared_error_of_softmax)
)
CLASSIFICATION_LOSSES.add(
    "margin", ClassificationLoss(help="margins of the lengths of capsules", of=margin, smooths=False, of_lengths=True)
)


def image_loss(
    name: str, *, label_smoothing: float, logits_a_length: float | None, reconstruction_weight: float
) -> Callable[..., tf.Tensor]:
    """What a model that reads images is fitted by: ``predict``, uint8 images ``(batch, side, side)``, labels.

    Where ``predict`` gives ``(logits, images rebuilt)``, the mean squared error of the latter, on [0, 1], is added.

    Args:
        name: row of `CLASSIFICATION_LOSSES`.
        label_smoothing: part of each label that is spread evenly over all classes.
        logits_a_length: see `mnist_etc.models.zoo.ZooModel`.
        reconstruction_weight: of the images' error.
    """
    row = CLASSIFICATION_LOSSES[name]

    def loss(predict: Predict, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        pixels = tf.cast(images[..., tf.newaxis], tf.float32) / 255.0
        answer = predict(pixels)
        logits, *rebuilt = answer if isinstance(answer, tuple | list) else (answer,)
        losses = row.of(logits / logits_a_length if row.of_lengths else logits, labels, label_smoothing)
        for image in rebuilt:
            losses += reconstruction_weight * tf.reduce_mean(tf.square(image - pixels), [1, 2, 3])
        return losses

    return loss
