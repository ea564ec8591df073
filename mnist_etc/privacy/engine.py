"""What a DP-SGD step needs of a clipping engine, and what engines share; `mnist_etc.privacy.registry` lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import tensorflow as tf

__all__ = ["ClippingEngine", "Loss", "full_precision", "only", "without_padding"]

Loss = Callable[..., tf.Tensor]
"""``loss(predict, *batch)`` to the loss of each example, ``(batch,)``; ``predict`` is the model on a batch."""


class ClippingEngine(Protocol):
    """Clips each example's gradient, sums, adds noise; all gradients are one vector ``(parameters,)``."""

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """Sum over the batch of each example's gradient scaled to norm ``l2_norm_clip`` at most.

        A gradient whose norm is not finite counts as zero: one such example neither ends a training nor shows in it.

        Args:
            weights: values of ``model.trainable_variables``.
            mask: ``(batch,)``, 1 for an example that counts, 0 for padding.
            batch: what the loss takes after ``predict``, each ``(batch, ...)``.
        """

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """``total`` and Gaussian noise of standard deviation ``l2_norm_clip * noise_multiplier`` in every parameter.

        Args:
            total: `clipped_sum` of the whole sample.
            step: int64 scalar; each has its own noise.
        """


def only(counted: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """``values`` with zeros for the examples that do not count: infinity would not vanish under a factor of 0.

    Args:
        counted: bool ``(batch,)``.
        values: ``(batch, ...)``.
    """
    return tf.where(tf.reshape(counted, [-1] + [1] * (values.shape.rank - 1)), values, tf.zeros_like(values))


def without_padding(mask: tf.Tensor, batch: Sequence[tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """The batch with zeros in place of padding.

    Args:
        mask: ``(batch,)``, 0 for padding.
        batch: each ``(batch, ...)``.
    """
    return tuple(only(mask > 0, values) for values in batch)


@contextmanager
def full_precision() -> Iterator[None]:
    """Within it float32 products keep 24 bits; in a GPU's TensorFloat-32, of 11, a gradient could exceed its clip."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
