"""Mistakes of DP-SGD, for the audit to catch; the audit command alone plants them, and only for its own tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.config import PlantedBug
from mnist_etc.privacy.moments import noised_second_moments
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.sampling import Parts

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from mnist_etc.privacy.engine import ClippingEngine, Loss
    from mnist_etc.privacy.sampling import PoissonSampler
    from mnist_etc.privacy.seeds import Seeds

__all__ = ["PLANTED", "Planted"]

NEVER_CLIPPED = 1e9
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What a training and a release of moments are made of; as given, all is as it is."""

    sampler: Callable[[PoissonSampler, int], Any] = lambda sampler, *_: sampler
    """Of the training's own sampler and so many examples."""
    engine: Callable[..., ClippingEngine] = lambda engine, *_: engine
    """Of the training's own engine, where it takes over, its plan, and what `PrivacyPlan.engine` takes."""
    seeds: Callable[[Seeds, int], Seeds] = lambda seeds, *_: seeds
    """Of those in the checkpoint, where a training takes over at a step."""
    moments: Callable[[Rows, float, Any], npt.NDArray[np.float64]] = noised_second_moments
    next_seed: Callable[[Any, Any], Any] = lambda _, drawn: drawn
    """What another training draws from, of the last one's seed and a newly drawn one."""


def _noise_halved(engine: ClippingEngine, *_: Any) -> ClippingEngine:
    return _Engine(engine.clipped_sum, lambda total, step: (total + engine.add_noise(total, step)) / 2)


def _noise_repeated(engine: ClippingEngine, *_: Any) -> ClippingEngine:
    return _Engine(engine.clipped_sum, lambda total, step: engine.add_noise(total, step * 0))


def _noise_broadcast(
    engine: ClippingEngine, _first: int, _plan: PrivacyPlan, model: keras.Model, *_: Any
) -> ClippingEngine:
    import tensorflow as tf

    classes = model.output_shape[-1]

    def add_noise(total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        one = engine.add_noise(tf.zeros([classes]), step)
        return total + tf.tile(one, [tf.size(total) // classes])

    return _Engine(engine.clipped_sum, add_noise)


def _noise_restarted(engine: ClippingEngine, first_step: int, *_: Any) -> ClippingEngine:
    return _Engine(engine.clipped_sum, lambda total, step: engine.add_noise(total, step - first_step))


def _batch_clipped(
    engine: ClippingEngine, _: int, plan: PrivacyPlan, model: keras.Model, loss: Loss, seed: Any
) -> ClippingEngine:
    import tensorflow as tf

    assert plan.stage
    size, clip = plan.stage.batch_size, plan.stage.l2_norm_clip
    unclipped = PrivacyPlan.engine(
        replace(plan, stage=replace(plan.stage, l2_norm_clip=NEVER_CLIPPED)), model, loss, seed
    )
    return _Engine(
        unclipped.clipped_sum,
        lambda total, step: engine.add_noise(tf.clip_by_norm(total / size, clip) * size, step),
    )


def _redrawn(seeds: Seeds, first_step: int) -> Seeds:
    return seeds._replace(sampling=seeds.sampling ^ first_step, noise=seeds.noise ^ first_step)


def _unnormalized(rows: Rows, noise_multiplier: float, seed: Any) -> npt.NDArray[np.float64]:
    noise = noised_second_moments(np.zeros_like(rows), noise_multiplier, seed)
    return rows.astype(np.float64).T @ rows + noise


class _Engine:
    """See `ClippingEngine`."""

    def __init__(self, clipped_sum: Callable[..., tf.Tensor], add_noise: Callable[..., tf.Tensor]) -> None:
        self._clipped_sum, self._add_noise = clipped_sum, add_noise

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return self._clipped_sum(weights, mask, *batch)

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return self._add_noise(total, step)


class _Everybody:
    """A sampler that takes every example in every step, in parts of the size of the one it stands for."""

    def __init__(self, sampler: PoissonSampler, examples: int) -> None:
        self.part_size, self.steps_per_epoch = sampler.part_size, sampler.steps_per_epoch
        self._examples = examples

    def parts(self, first_step: int, last_step: int) -> Parts:
        """See `PoissonSampler`."""
        count = -(-self._examples // self.part_size)
        indices = np.zeros((count, self.part_size), np.int32)
        mask = np.zeros((count, self.part_size), np.float32)
        indices.reshape(-1)[: self._examples] = np.arange(self._examples)
        mask.reshape(-1)[: self._examples] = 1
        last = np.arange(count) == count - 1
        steps = last_step - first_step
        return Parts(np.tile(indices, (steps, 1)), np.tile(mask, (steps, 1)), np.tile(last, steps))


PLANTED: dict[PlantedBug | None, Planted] = {
    None: Planted(),
    PlantedBug.noise_halved: Planted(engine=_noise_halved),
    PlantedBug.noise_repeated: Planted(engine=_noise_repeated),
    PlantedBug.noise_broadcast: Planted(engine=_noise_broadcast),
    PlantedBug.noise_restarted: Planted(engine=_noise_restarted),
    PlantedBug.redrawn: Planted(seeds=_redrawn),
    PlantedBug.batch_clipped: Planted(engine=_batch_clipped),
    PlantedBug.full_batches: Planted(sampler=_Everybody),
    PlantedBug.moments_noise_halved: Planted(
        moments=lambda rows, noise, seed: noised_second_moments(rows, noise / 2, seed)
    ),
    PlantedBug.moments_unnormalized: Planted(moments=_unnormalized),
    PlantedBug.seed_reused: Planted(next_seed=lambda used, _: used),
}
"""How each mistake is made; None: nothing is wrong."""
