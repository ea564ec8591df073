"""Three mistakes of DP-SGD, for the audit to catch; the audit command alone plants them, and only for its own tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mnist_etc.privacy.engine import ClippingEngine
from mnist_etc.privacy.sampling import Parts, PoissonSampler

__all__ = ["BatchClipped", "FullBatches", "NoiseHalved"]


class NoiseHalved:
    """An engine that adds half the noise."""

    def __init__(self, engine: ClippingEngine) -> None:
        self._engine = engine
        self.clipped_sum = engine.clipped_sum

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return (total + self._engine.add_noise(total, step)) / 2


class BatchClipped:
    """An engine that clips the mean gradient of the batch instead of each example's.

    Args:
        engine: adds the noise.
        unclipped: the same with a clip that no gradient reaches.
        l2_norm_clip: greatest norm of the mean.
        batch_size: expected examples a step.
    """

    def __init__(
        self, engine: ClippingEngine, unclipped: ClippingEngine, *, l2_norm_clip: float, batch_size: int
    ) -> None:
        self._engine, self._unclipped = engine, unclipped
        self._clip, self._batch_size = l2_norm_clip, batch_size

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return self._unclipped.clipped_sum(weights, mask, *batch)

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        mean = tf.clip_by_norm(total / self._batch_size, self._clip)
        return self._engine.add_noise(mean * self._batch_size, step)


class FullBatches:
    """A sampler that takes every example in every step, in parts of the size of the one it stands for."""

    def __init__(self, sampler: PoissonSampler, examples: int) -> None:
        self._part_size, self._examples = sampler.part_size, examples

    def parts(self, first_step: int, last_step: int) -> Parts:
        """See `PoissonSampler`."""
        count = -(-self._examples // self._part_size)
        indices = np.zeros((count, self._part_size), np.int32)
        mask = np.zeros((count, self._part_size), np.float32)
        indices.reshape(-1)[: self._examples] = np.arange(self._examples)
        mask.reshape(-1)[: self._examples] = 1
        last = np.arange(count) == count - 1
        steps = last_step - first_step
        return Parts(np.tile(indices, (steps, 1)), np.tile(mask, (steps, 1)), np.tile(last, steps))
