"""A linear head trained by DP-SGD with every step open to whoever audits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_etc.data.dataset import CLASSES
from mnist_etc.privacy.engine import ClippingEngine, full_precision
from mnist_etc.privacy.sampling import Parts

__all__ = ["HeadTraining", "Sampler"]

Values = npt.NDArray[np.float32]


class Sampler(Protocol):
    """What the training needs of `mnist_etc.privacy.sampling.PoissonSampler`."""

    def parts(self, first_step: int, last_step: int) -> Parts:
        """The samples of steps ``first_step`` to ``last_step - 1``."""


class HeadTraining:
    """Gradient descent from zero weights on any part of one set of examples.

    Args:
        features: ``(examples, inputs)``.
        labels: ``(examples,)``.
        engine: clips and adds noise; of a classifier of one dense layer.
        sampler: of all the examples.
        batch_size: what the noised sum is divided by.
        learning_rate: of plain gradient descent.
    """

    def __init__(
        self,
        features: Values,
        labels: npt.NDArray[np.int64],
        *,
        engine: ClippingEngine,
        sampler: Sampler,
        batch_size: int,
        learning_rate: float,
    ) -> None:
        self._inputs, self._sampler = features.shape[1], sampler
        self._rate = learning_rate / batch_size
        rows, answers = tf.constant(features), tf.constant(labels)

        def clipped_sum(kernel: tf.Tensor, bias: tf.Tensor, indices: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
            return engine.clipped_sum([kernel, bias], mask, tf.gather(rows, indices), tf.gather(answers, indices))

        self._clipped_sum = tf.function(clipped_sum, autograph=False, reduce_retracing=True)
        self._noised = tf.function(engine.noised, autograph=False)

    @full_precision()
    def fit(
        self,
        included: npt.NDArray[np.bool_],
        steps: int,
        *,
        first_step: int = 0,
        observe: Callable[[Values, Values, Values], None] | None = None,
    ) -> tuple[Values, Values]:
        """Train on the included examples; whether one is included changes no other's probability to be sampled.

        Args:
            included: ``(examples,)``.
            steps: how many.
            first_step: its number; no two trainings of one engine may share steps, or they share noise.
            observe: sees each step: kernel and bias before it, and the noised sum of gradients, the kernel's first.

        Returns:
            Kernel ``(inputs, 10)`` and bias ``(10,)``.
        """
        kernel, bias = np.zeros((self._inputs, CLASSES), np.float32), np.zeros(CLASSES, np.float32)
        for step in range(first_step, first_step + steps):
            indices, mask, _ = self._sampler.parts(step, step + 1)
            mask = mask * included[indices]
            total = tf.add_n([self._clipped_sum(kernel, bias, *part) for part in zip(indices, mask, strict=True)])
            noised = self._noised(total, tf.constant(step, tf.int64)).numpy()
            if observe:
                observe(kernel, bias, noised)
            kernel = kernel - self._rate * noised[: kernel.size].reshape(kernel.shape)
            bias = bias - self._rate * noised[kernel.size :]
        return kernel, bias
