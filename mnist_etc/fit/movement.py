"""How a gradient moves the weights: schedule, optimizer, weight decay, running average."""

from __future__ import annotations

import keras
import tensorflow as tf

from mnist_etc.fit.weights import FlatWeights
from mnist_etc.models.config import FitConfig
from mnist_etc.models.optimizers import OPTIMIZERS
from mnist_etc.models.schedules import SCHEDULES

__all__ = ["Movement", "build_optimizer"]


def build_optimizer(config: FitConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a fit of ``steps`` steps: its rate climbs from 0 over the warm-up, then goes as scheduled."""
    manner = config.manner()
    rate = SCHEDULES[manner.schedule](config.learning_rate, min(int(config.warmup * steps), steps - 1), steps)
    row = OPTIMIZERS[config.optimizer]
    return row.build(rate, nesterov=True) if manner.nesterov else row.build(rate)


class Movement:
    """Of one fit; the same for plain gradients and for private ones, which it takes without a look at the images.

    Args:
        config: of the fit.
        weights: what is moved.
        steps: how many the fit takes.
    """

    def __init__(self, config: FitConfig, weights: FlatWeights, steps: int) -> None:
        self._weights, self._decay = weights, config.manner().weight_decay or 0.0
        self.optimizer = build_optimizer(config, steps)
        self.optimizer.build([weights.flat])
        self._kernels = weights.kernels() if self._decay else None

    def step(self, gradient: tf.Tensor) -> None:
        """Move the weights against ``gradient`` ``(weights,)``.

        The decay is decoupled from the gradient (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), and takes
        nothing of biases and of scales and shifts of a normalization.
        """
        flat = self._weights.flat
        if self._kernels is not None:
            flat.assign_sub(flat.value * self._kernels * (self.optimizer.learning_rate * self._decay))
        self.optimizer.apply([gradient], [flat])
        self._weights.average(self.optimizer.iterations.value)
