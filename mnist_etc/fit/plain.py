"""Plain steps: batches gathered from arrays in memory, many steps in one graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from mnist_etc.errors import TrainingError
from mnist_etc.fit.checkpoint import Metrics
from mnist_etc.fit.loop import Advance
from mnist_etc.fit.movement import Movement
from mnist_etc.fit.replicas import Gradient, devices, shared
from mnist_etc.fit.task import Task
from mnist_etc.fit.weights import FlatWeights
from mnist_etc.models.config import FitConfig
from mnist_etc.models.optimizers import OPTIMIZERS

__all__ = ["PlainSteps"]

STEPS_A_CALL = 100
TINY = 1e-12


class PlainSteps:
    """See `mnist_etc.fit.loop.Steps`. An epoch's batches depend on seed and epoch alone; the last may be smaller.

    Args:
        task: what is fitted.
        config: epochs, batch size and optimizer.
        seed: fixes the order of the images, and how they are augmented.

    Raises:
        TrainingError: devices are to share the batches, and there is one.
    """

    secret = False

    def __init__(self, task: Task, config: FitConfig, seed: int) -> None:
        self.task, self.epochs = task, config.epochs
        self.images = len(task.arrays[0])
        self._batch_size, self._seed = config.batch_size, seed
        self._steps = -(-self.images // config.batch_size)
        self.weights = FlatWeights(task.model, config.manner().ema)
        self._movement = Movement(config, self.weights, self._steps * config.epochs)
        self.optimizer = self._movement.optimizer
        self._gradient: Gradient = shared(self._of_one, devices()) if config.manner().mirrored else self._of_one
        self._ascent = config.manner().rho if OPTIMIZERS[config.optimizer].ascends else 0.0
        self._run: Callable[..., tf.Tensor] = self._compiled()

    def run(self, epoch: int, advance: Advance) -> Metrics:
        """See `mnist_etc.fit.loop.Steps`; measures the mean ``loss``."""
        order = tf.constant(np.random.default_rng([self._seed, epoch]).permutation(self.images))
        total = 0.0
        for first in range(0, self._steps, STEPS_A_CALL):
            last = min(first + STEPS_A_CALL, self._steps)
            total += float(self._run(order, tf.constant(first), tf.constant(last), tf.constant(epoch)))
            seen = min(last * self._batch_size, self.images)
            advance(seen - first * self._batch_size, f"loss {total / seen:.5f}")
        if not math.isfinite(total):
            raise TrainingError(
                f"Expected a finite loss of the {self.task.label}; received {total} in epoch {epoch}. "
                "Pass a lower learning_rate."
            )
        return {"loss": total / self.images}

    def _compiled(self) -> Callable[..., tf.Tensor]:
        """One graph for many steps: ``(order, first, last, epoch)`` to the sum of the losses of every image seen."""
        task, weights, batch_size, steps = self.task, self.weights, self._batch_size, self._steps
        arrays = [tf.constant(array) for array in task.arrays]
        seed_of_steps = np.random.default_rng([self._seed, 0]).integers(2**31, dtype=np.int32)

        def run_steps(order: tf.Tensor, first: tf.Tensor, last: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
            def step(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                indices = order[number * batch_size : (number + 1) * batch_size]
                batch = [tf.gather(array, indices) for array in arrays]
                if task.augment:
                    batch[0] = task.augment(batch[0], tf.stack([seed_of_steps, epoch * steps + number]))
                flat, state = tf.convert_to_tensor(weights.flat.value), weights.values()
                loss, gradient, left = self._gradient(flat, state, batch)
                if self._ascent:
                    gradient = self._gradient(_up(flat, gradient, self._ascent), state, batch)[1]
                weights.keep(state, left)
                self._movement.step(gradient)
                return number + 1, total + loss * tf.cast(tf.size(indices), tf.float32)

            return tf.while_loop(lambda number, _: number < last, step, (first, tf.constant(0.0)))[1]

        return tf.function(run_steps, autograph=False)  # type: ignore[no-any-return]

    def _of_one(
        self, flat: tf.Tensor, state: Sequence[tf.Tensor], batch: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Mean loss of a batch at weights ``flat``, its gradient, and the state that the model leaves."""
        left = state

        def predict(inputs: tf.Tensor) -> tf.Tensor:
            nonlocal left
            outputs, left = self.weights.call(flat, left, inputs)
            return outputs

        with tf.GradientTape() as tape:
            tape.watch(flat)
            loss = tf.reduce_mean(self.task.loss(predict, *batch))
        return loss, tape.gradient(loss, flat), left


def _up(flat: tf.Tensor, gradient: tf.Tensor, by: float) -> tf.Tensor:
    """Weights ``by`` so far up the gradient (Foret et al. 2021, arXiv:2010.01412, equation 2)."""
    return flat + gradient * (by / (tf.norm(gradient) + TINY))
