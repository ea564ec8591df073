"""How the learning rate goes over the steps of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import keras

__all__ = ["SCHEDULES"]

SCHEDULES: Registry[Callable[[float, int, int], keras.optimizers.schedules.LearningRateSchedule]] = Registry("schedule")
"""Each takes the peak rate, the steps of the warm-up, which climbs from 0, and all steps."""


def _cosine(rate: float, warmup: int, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    import keras

    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)


SCHEDULES.add("cosine", _cosine)
