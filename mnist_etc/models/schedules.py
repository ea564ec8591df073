"""How the learning rate goes over the steps of a fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule

__all__ = ["SCHEDULES"]

SCHEDULES: Registry[Callable[[float, int, int], Schedule]] = Registry("schedule")
"""Each takes the peak rate, the steps of the warm-up, and all steps; the rate climbs over the warm-up."""
START, END = 1 / 25, 1e-4
"""Of one_cycle: the first rate is this part of the peak, the last this part of the first."""


def _cosine(rate: float, warmup: int, steps: int) -> Schedule:
    import keras

    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)


def _linear(rate: float, warmup: int, steps: int) -> Schedule:
    return _curve(lambda step: rate * _climb(step, warmup, 1 - (step - warmup) / (steps - warmup)))


def _constant(rate: float, warmup: int, steps: int) -> Schedule:  # noqa: ARG001
    return _curve(lambda step: rate * _climb(step, warmup, step * 0 + 1))


def _one_cycle(rate: float, warmup: int, steps: int) -> Schedule:
    """Up and down along half a cosine each, from 1/25 of the peak to 1/250,000 of it.

    After Smith and Topin 2018, arXiv:1708.07120, with the numbers of PyTorch's OneCycleLR; the momentum stays.
    """
    import tensorflow as tf

    def at(step: tf.Tensor) -> tf.Tensor:
        up = _half_cosine(step / max(warmup, 1), START, 1)
        down = _half_cosine((step - warmup) / max(steps - 1 - warmup, 1), 1, START * END)
        return rate * tf.where(step < warmup, up, down)

    return _curve(at)


def _half_cosine(part: tf.Tensor, first: float, last: float) -> tf.Tensor:
    import tensorflow as tf

    return last + (first - last) * (1 + tf.cos(math.pi * part)) / 2


def _climb(step: tf.Tensor, warmup: int, after: tf.Tensor) -> tf.Tensor:
    """From 0 to 1 over the warm-up, then ``after``."""
    import tensorflow as tf

    return tf.where(step < warmup, step / max(warmup, 1), after)


def _curve(at: Callable[[tf.Tensor], tf.Tensor]) -> Schedule:
    """The rate at a step, as float32."""
    import keras
    import tensorflow as tf

    class Curve(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: tf.Tensor) -> tf.Tensor:
            return at(tf.cast(step, tf.float32))

        def get_config(self) -> dict[str, object]:
            return {}

    return Curve()


SCHEDULES.add("cosine", _cosine)
SCHEDULES.add("linear", _linear)
SCHEDULES.add("constant", _constant)
SCHEDULES.add("one_cycle", _one_cycle)
