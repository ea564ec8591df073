"""A private training's plan with its engine under watch: `mnist_etc.fit.private.PrivateSteps` runs on it unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.planted import Planted
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.sampling import LARGEST_PART

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from mnist_etc.privacy.engine import ClippingEngine, Loss

__all__ = ["Observe", "WatchedPlan"]

Values = npt.NDArray[np.float32]
Observe = Callable[[int, Values, Values], None]
"""Called with a step's number, the kernel before it and the noised sum of gradients, both ``(inputs, classes)``."""


@dataclass(frozen=True, kw_only=True)
class WatchedPlan(PrivacyPlan):
    """A plan whose engine shows each noised sum that it gives, and nothing else: what DP-SGD counts as published."""

    observe: Observe
    planted: Planted
    """The mistake to make, if any; for the audit's own tests."""
    first_step: int = 0
    """Where this run of the training takes over; 0 where it was not interrupted."""

    @classmethod
    def of(cls, plan: PrivacyPlan, observe: Observe, planted: Planted, first_step: int = 0) -> WatchedPlan:
        """The same plan, watched."""
        return cls(**vars(plan), observe=observe, planted=planted, first_step=first_step)

    def sampler(self, seed: Any, images: int = 1, at_once: int = LARGEST_PART) -> Any:
        """See `PrivacyPlan.sampler`."""
        assert self.stage
        return self.planted.sampler(super().sampler(seed, images, at_once), self.stage.examples)

    def engine(self, model: keras.Model, loss: Loss, seed: Any) -> ClippingEngine:
        """See `PrivacyPlan.engine`."""
        engine = self.planted.engine(super().engine(model, loss, seed), self.first_step, self, model, loss, seed)
        return _Watched(engine, self.observe)


class _Watched:
    """A `ClippingEngine` of a model with one kernel."""

    def __init__(self, engine: ClippingEngine, observe: Observe) -> None:
        self._engine, self._observe = engine, observe
        self._kernel: tf.Tensor = None

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`; the step that this part belongs to starts from these weights."""
        (self._kernel,) = weights
        return self._engine.clipped_sum(weights, mask, *batch)

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        import tensorflow as tf

        noised = self._engine.add_noise(total, step)
        seen = tf.numpy_function(self._show, [step, self._kernel, noised], tf.float32)
        return tf.ensure_shape(seen, total.shape)

    def _show(self, step: np.int64, kernel: Values, noised: Values) -> Values:
        self._observe(int(step), kernel, noised.reshape(kernel.shape))
        return noised
