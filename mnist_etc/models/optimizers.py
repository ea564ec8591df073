"""What moves the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import keras

    Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule

__all__ = ["OPTIMIZERS", "Optimizer"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """A row of `OPTIMIZERS`."""

    help: str
    build: Callable[[Schedule], keras.optimizers.Optimizer]
    """From the schedule of the learning rate; called once TensorFlow is loaded."""


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


def _adam(rate: Schedule) -> keras.optimizers.Optimizer:
    import keras

    return keras.optimizers.Adam(rate)


def _sgd(rate: Schedule) -> keras.optimizers.Optimizer:
    import keras

    return keras.optimizers.SGD(rate, momentum=0.9)


OPTIMIZERS.add("adam", Optimizer(help="Adam", build=_adam))
OPTIMIZERS.add("sgd", Optimizer(help="gradient descent with momentum 0.9", build=_sgd))
