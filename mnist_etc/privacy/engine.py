"""What a DP-SGD step needs of a clipping engine, and what engines share; `mnist_etc.privacy.registry` lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import tensorflow as tf

__all__ = ["ClippingEngine", "Loss", "by_unit", "full_precision", "only"]

Loss = Callable[..., tf.Tensor]
"""``loss(predict, *batch)`` to the loss of each example, ``(batch,)``; ``predict`` is the model on a batch."""


class ClippingEngine(Protocol):
    """Clips what each unit of privacy adds, sums, adds noise; all gradients are one vector ``(parameters,)``.

    A unit is an example, or a person with several: then the sum of their gradients is clipped as one.
    """

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """Sum over the batch of each unit's gradient scaled to norm ``l2_norm_clip`` at most.

        A gradient whose norm is not finite counts as zero: one such unit neither ends a training nor shows in it.

        Args:
            weights: values of ``model.trainable_variables``.
            mask: a weight of each example's loss, 1 as a rule, 0 for padding: ``(batch,)`` where each example is a
                unit, ``(people, images)`` where each row is one.
            batch: what the loss takes after ``predict``, each of the mask's shape and whatever follows.
        """

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """``total`` and Gaussian noise of standard deviation ``l2_norm_clip * noise_multiplier`` in every parameter.

        Args:
            total: `clipped_sum` of the whole sample, or those of its parts added up.
            step: int64 scalar; each has its own noise.
        """


def by_unit(mask: tf.Tensor, batch: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """Mask ``(units, examples)`` and arrays ``(units, examples, ...)`` of either form of `ClippingEngine.clipped_sum`.

    The arrays have zeros in place of padding.
    """
    if mask.shape.rank == 1:
        mask, batch = mask[:, tf.newaxis], [values[:, tf.newaxis] for values in batch]
    return mask, tuple(only(mask > 0, values) for values in batch)


def only(counted: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """``values`` with zeros for what does not count: infinity would not vanish under a factor of 0.

    Args:
        counted: bool.
        values: of the shape of ``counted`` and whatever follows.
    """
    further = [tf.newaxis] * (values.shape.rank - counted.shape.rank)
    return tf.where(counted[(..., *further)], values, tf.zeros_like(values))


@contextmanager
def full_precision() -> Iterator[None]:
    """Within it float32 products keep 24 bits; in a GPU's TensorFloat-32, of 11, a gradient could exceed its clip."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
