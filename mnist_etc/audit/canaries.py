"""Canaries: examples made to be recognized, and the task in which the real private training is fitted to them.

Each canary lights one input that nothing else lights, in a linear head without a bias. So the gradients of two canaries
are orthogonal, and so are those of a canary and an image: along one canary's gradient an auditor sees that canary's
part, the noise there, and nothing of any other. Before clipping the gradient is about ten times as long as the clip, so
that it counts in full and a step that fails to clip it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_etc.data import Split

if TYPE_CHECKING:
    import tensorflow as tf

    from mnist_etc.fit.task import Task

__all__ = ["Canaries", "head_task", "pixels"]

Values = npt.NDArray[np.float32]
NO_CANARY = -1


class Canaries:
    """So many canaries.

    Args:
        count: how many.
        l2_norm_clip: of the training.
        classes: of the images beside them.
    """

    labels: npt.NDArray[np.int64]
    """``(count,)``."""

    def __init__(self, count: int, l2_norm_clip: float, classes: int) -> None:
        self.labels = np.arange(count) % classes
        self.size = max(1.0, 10 * l2_norm_clip)
        """Value of the lit input; features have norm 1."""
        self._clip = l2_norm_clip

    def __len__(self) -> int:
        return len(self.labels)

    def gradients(self, rows: Values) -> Values:
        """What each canary gives its own row of the kernel, clipped, in units of the clip: ``(canaries, classes)``.

        Args:
            rows: of the kernel, one a canary, ``(canaries, classes)``.
        """
        logits = self.size * rows
        residuals = np.exp(logits - logits.max(1, keepdims=True))
        residuals /= residuals.sum(1, keepdims=True)
        residuals[np.arange(len(self)), self.labels] -= 1
        norms = self.size * np.linalg.norm(residuals, axis=1, keepdims=True)
        clipped: Values = (self.size * residuals / np.maximum(norms, self._clip)).astype(np.float32, copy=False)
        return clipped


def head_task(images: Split, weights: npt.NDArray[np.float32], canaries: Canaries | None = None) -> Task:
    """A linear head fitted to images and canaries, each example's loss times its weight.

    Weight 0 is the neighbor that the guarantee speaks of: the example's contribution zeroed, all else as it was.

    Args:
        images: what else is trained on; `pixels` are the features.
        weights: 0 or 1, of the images and then of the canaries, ``(images + canaries,)``.
        canaries: None for none.
    """
    import keras
    import tensorflow as tf
    from keras import layers

    from mnist_etc.fit.task import Task
    from mnist_etc.models.losses import cross_entropy

    features, count = pixels(images), len(canaries) if canaries else 0
    size = canaries.size if canaries else 0.0
    labels = np.concatenate([images.labels, canaries.labels]) if canaries else images.labels
    lit = np.concatenate([np.full(len(images), NO_CANARY), np.arange(count)]).astype(np.int32)
    padded = np.concatenate([features, np.zeros((count, features.shape[1]), np.float32)])
    inputs = layers.Input((features.shape[1] + count,))
    model = keras.Sequential([inputs, layers.Dense(len(images.names), use_bias=False, kernel_initializer="zeros")])

    def loss(predict: tf.Tensor, values: tf.Tensor, lit: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        if count:
            values = tf.concat([values, tf.one_hot(lit, count, on_value=tf.constant(size, values.dtype))], 1)
        return weights * cross_entropy(predict, values, labels)

    return Task(label="audit", model=model, arrays=[padded, lit, labels, weights], loss=loss)


def pixels(images: Split) -> Values:
    """Each image's pixels, scaled to norm 1, ``(images, side * side)``."""
    flat = images.images.reshape(len(images), -1).astype(np.float32)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: Values = (flat / np.maximum(norms, 1)).astype(np.float32, copy=False)
    return scaled
