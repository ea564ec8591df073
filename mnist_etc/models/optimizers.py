"""What moves the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import keras

    Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule

__all__ = ["OPTIMIZERS", "Manner", "Optimizer"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """A row of `OPTIMIZERS`."""

    help: str
    build: Callable[..., keras.optimizers.Optimizer]
    """From the schedule of the learning rate, and ``nesterov=True`` where that is asked for; called once TensorFlow is
    loaded."""
    decays: bool = False
    """Whether it goes with ``weight_decay``."""
    without_decay: str | None = None
    """The row that it is without a weight decay; None: it is one of its own."""
    nesterov: bool = False
    """Whether it goes with ``nesterov``."""
    ascends: bool = False
    """Whether the gradient is taken ``rho`` uphill of the weights, which takes two gradients a step."""
    not_private: str | None = None
    """Why no private training can have it; None: any can."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What decides a fit beside the keys that every fit has; these are the values of fits without such keys."""

    schedule: str = "cosine"
    """Row of `mnist_etc.models.schedules.SCHEDULES`."""
    weight_decay: float | None = None
    """Part of each weight of a kernel that a step takes away at learning rate 1; None: there is no key for it."""
    ema: float = 0.0
    """Decay, a step, of the running average of the weights; 0: none."""
    nesterov: bool = False
    rho: float = 0.05
    """How far uphill an optimizer that ascends goes, by the norm of all weights together."""
    mirrored: bool = False
    """Whether the devices of the machine share each batch."""


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


def _adam(rate: Schedule) -> keras.optimizers.Optimizer:
    import keras

    return keras.optimizers.Adam(rate)


def _sgd(rate: Schedule, *, nesterov: bool = False) -> keras.optimizers.Optimizer:
    import keras

    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=nesterov)


TWO_GRADIENTS = (
    "the gradient that leads uphill would be of the images without noise, and noise on it, too, would cost a second "
    "time what a step costs"
)
OPTIMIZERS.add("adam", Optimizer(help="Adam", build=_adam))
OPTIMIZERS.add(
    "adamw",
    Optimizer(
        help="Adam with weight decay decoupled from the gradient", build=_adam, decays=True, without_decay="adam"
    ),
)
OPTIMIZERS.add("sgd", Optimizer(help="gradient descent with momentum 0.9", build=_sgd, decays=True, nesterov=True))
OPTIMIZERS.add(
    "sam",
    Optimizer(
        help="sharpness-aware minimization over Adam: two gradients a step",
        build=_adam, decays=True, ascends=True, not_private=TWO_GRADIENTS,
    ),
)  # fmt: skip
OPTIMIZERS.add(
    "sam_sgd",
    Optimizer(
        help="the same over gradient descent with momentum 0.9",
        build=_sgd, decays=True, nesterov=True, ascends=True, not_private=TWO_GRADIENTS,
    ),
)  # fmt: skip
