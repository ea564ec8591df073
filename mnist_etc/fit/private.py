"""Private steps: DP-SGD (Abadi et al. 2016, arXiv:1607.00133, algorithm 1) with Poisson sampling.

Nothing measured on training images leaves them but the weights, so no loss is shown: only the noised sum is accounted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mnist_etc.errors import TrainingError
from mnist_etc.fit.checkpoint import Metrics
from mnist_etc.fit.loop import Advance
from mnist_etc.fit.movement import Movement
from mnist_etc.fit.task import Task
from mnist_etc.fit.weights import FlatWeights
from mnist_etc.models.config import FitConfig
from mnist_etc.privacy.engine import full_precision
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.people import ImagesOfPeople, images_of_people
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.sampling import LARGEST_PART
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.privacy.unit import Unit

__all__ = ["PrivateSteps"]

IMAGES_A_CALL = 65_536
NUMBERS_AT_ONCE = 2**19
"""Inputs and outputs of layers, of all images that go through a small model together: 2 MB, which a cache holds."""


class PrivateSteps:
    """See `mnist_etc.fit.loop.Steps`.

    Each step samples every unit of privacy, an example or a person with several, with the plan's probability, clips and
    sums the gradients, adds noise and divides by ``batch_size``, in images, and by the noise's deviation, or the clip
    where that is more: constants that leave one learning rate good for any clip and noise, and the noise in the weights
    the same for people as for images. Sample and noise of a step depend on secret seeds and the step's number alone;
    the seeds lie in the checkpoint, from before the first figure goes out, so that a training that goes on draws
    nothing twice and none draws anew for what was seen; they go with it.

    Args:
        task: what is fitted; its owners are the units of privacy, or its examples.
        config: epochs, expected batch size and optimizer.
        plan: of this training; it gives sampler, engine and accountant.
        seeds: of the sampling and the noise.

    Raises:
        ValueError: the plan counts other units than the task has.
        PrivacyError: the engine has no exact rule for a layer, or is not installed.
    """

    secret = True

    def __init__(self, task: Task, config: FitConfig, plan: PrivacyPlan, seeds: Seeds) -> None:
        assert plan.stage
        self.task, self.epochs, self._stage = task, config.epochs, plan.stage
        self._batch_size, self._epsilon_name = config.batch_size, plan.epsilon_name
        self._people = None if task.owners is None else images_of_people(task.owners)
        _check_units(plan.stage, task, self._people)
        self.weights = FlatWeights(task.model, config.manner().ema)
        self._movement = Movement(config, self.weights, plan.stage.steps)
        self.optimizer = self._movement.optimizer
        images = 1 if self._people is None else self._people.indices.shape[1]
        self._sampler = plan.sampler(seeds.sampling, images, _at_once(task.model))
        self._steps = self._sampler.steps_per_epoch
        self.images = self._steps * config.batch_size
        self._engine = plan.engine(task.model, task.loss, seeds.noise)
        self._epsilon = plan.epsilon_by_steps()
        self._run: Callable[..., None] = self._compiled()

    @full_precision()
    def run(self, epoch: int, advance: Advance) -> Metrics:
        """See `mnist_etc.fit.loop.Steps`; measures the epsilon spent by the epoch's end, all stages together."""
        spent, steps = self._epsilon.after(epoch * self._steps), max(1, IMAGES_A_CALL // self._batch_size)
        for first in range((epoch - 1) * self._steps, epoch * self._steps, steps):
            last = min(first + steps, epoch * self._steps)
            self._run(*self._sampler.parts(first, last), tf.constant(first, tf.int64))
            advance((last - first) * self._batch_size, f"{self._epsilon_name} {spent:.4g} at its end")
        if not np.isfinite(self.weights.flat.numpy()).all():
            raise TrainingError(
                f"Expected finite weights of the {self.task.label}; received infinite ones in epoch {epoch}. "
                "Pass a lower learning_rate."
            )
        return {self._epsilon_name: spent}

    def _compiled(self) -> Callable[..., None]:
        """One graph for any steps: ``(indices, mask, last, first step)``, the first three as in `Parts`."""
        weights, movement, engine, stage = self.weights, self._movement, self._engine, self._stage
        unit = self._batch_size * stage.l2_norm_clip * max(stage.noise_multiplier, 1.0)
        drawn = self._drawn()

        def run_parts(indices: tf.Tensor, mask: tf.Tensor, last: tf.Tensor, first: tf.Tensor) -> None:
            def part(number: tf.Tensor, step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
                total += engine.clipped_sum(weights.pieces(), *drawn(indices[number], mask[number]))

                def update() -> tuple[tf.Tensor, tf.Tensor]:
                    movement.step(engine.add_noise(total, step) / unit)
                    return step + 1, tf.zeros_like(total)

                return number + 1, *tf.cond(last[number], update, lambda: (step, total))

            start = (tf.constant(0), first, tf.zeros_like(weights.flat.value))
            tf.while_loop(lambda number, *_: number < tf.size(last), part, start)

        signature = [
            tf.TensorSpec((None, self._sampler.part_size), tf.int32),
            tf.TensorSpec((None, self._sampler.part_size), tf.float32),
            tf.TensorSpec((None,), tf.bool),
            tf.TensorSpec((), tf.int64),
        ]
        return tf.function(run_parts, input_signature=signature, autograph=False)  # type: ignore[no-any-return]

    def _drawn(self) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]:
        """From units and mask of a part to a mask and a batch of each array, as `ClippingEngine.clipped_sum` takes."""
        arrays = [tf.constant(array) for array in self.task.arrays]
        if self._people is None:
            return lambda units, mask: (mask, *(tf.gather(array, units) for array in arrays))
        images, present = (tf.constant(table) for table in self._people)

        def of_people(units: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
            own = tf.gather(images, units)
            return mask[:, tf.newaxis] * tf.gather(present, units), *(tf.gather(array, own) for array in arrays)

        return of_people


def _at_once(model: keras.Model) -> int:
    """Images that go through ``model`` together: more of a small one, whose calls cost more than its work."""
    try:
        numbers = _numbers(model.inputs) + sum(_within(layer) for layer in model.layers)
    except (AttributeError, TypeError):  # no layers with shapes of their own, as of a subclassed model
        return LARGEST_PART
    return max(LARGEST_PART, NUMBERS_AT_ONCE // numbers)


def _within(layer: keras.layers.Layer) -> int:
    """Numbers that a layer gives for one image, or a network's layers together."""
    return sum(map(_within, layer.layers)) if isinstance(layer, keras.Model) else _numbers(layer.output)


def _numbers(tensors: object) -> int:
    return sum(math.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(tensors))


def _check_units(stage: Stage, task: Task, people: ImagesOfPeople | None) -> None:
    """What is accounted is what is sampled, or nothing is."""
    unit, units = (Unit.image, len(task.arrays[0])) if people is None else (Unit.person, len(people.indices))
    if (stage.unit, stage.examples) != (unit, units):
        raise ValueError(
            f"Expected a plan for {units:,} {unit.plural}; received one for {stage.examples:,} {stage.unit.plural}."
        )
