"""DP-SGD (Abadi et al. 2016, arXiv:1607.00133, algorithm 1) with Poisson sampling.

Nothing measured on training images leaves it but the weights, so no loss is shown: only the noised sum is accounted.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mnist_etc.errors import TrainingError
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.loop import Task
from mnist_etc.fit.optimization import FlatWeights, build_optimizer
from mnist_etc.fit.progress import Progress
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.privacy.engine import ClippingEngine, full_precision
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds

__all__ = ["fit_private"]

IMAGES_A_CALL = 65_536


@full_precision()
def fit_private(
    task: Task,
    config: AutoencoderConfig | ClassifierConfig,
    plan: PrivacyPlan,
    *,
    checkpoint: Checkpoint,
    evaluate: Callable[[int], Metrics],
    report: Callable[[int, Metrics], None],
) -> list[Metrics]:
    """Fit ``task.model`` with DP-SGD, going on from ``checkpoint`` where it holds this training's state.

    Each step samples every example with probability ``batch_size / n``, clips and sums the gradients, adds noise and
    divides by ``batch_size`` and by the noise's deviation, or by the clip where that is more: constants that leave one
    learning rate good for any clip and noise. Sample and noise of a step depend on secret seeds and the step's number
    alone; the seeds lie in the checkpoint, from before the first figure goes out, so that a training that goes on draws
    nothing twice and none draws anew for what was seen; they go with it.

    Args:
        task: what is fitted.
        config: epochs, expected batch size and optimizer.
        plan: of this training; it gives sampler, engine and accountant.
        checkpoint: where the state goes after each epoch.
        evaluate: called after each epoch with its number, from 1; what it measures, on no training example.
        report: called with the number and the metrics of each epoch, earlier runs' included.

    Returns:
        The metrics of every epoch: the epsilon spent by its end, all stages together, under ``plan.epsilon_name``,
        ``images_per_second`` and what ``evaluate`` returned.

    Raises:
        TrainingError: a weight is no finite number any more.
        PrivacyError: the engine has no exact rule for a layer, or is not installed.
    """
    assert plan.stage
    stage, name = plan.stage, plan.epsilon_name
    weights = FlatWeights(task.model)
    optimizer = build_optimizer(config, stage.steps)
    optimizer.build([weights.flat])
    seeds = Seeds(*checkpoint.secret(plan.seeds))
    state = [weights.flat, *optimizer.variables]
    history = checkpoint.restore(state)
    for finished, metrics in enumerate(history):
        report(finished + 1, metrics)
    if history:
        print(f"{task.label}  resumes after epoch {len(history)}/{config.epochs}", flush=True)
    else:
        checkpoint.save(state, history)
    weights.to_model()
    sampler = plan.sampler(seeds.sampling)
    steps = sampler.steps_per_epoch
    engine = plan.engine(task.model, task.loss, seeds.noise)
    unit = config.batch_size * stage.l2_norm_clip * max(stage.noise_multiplier, 1.0)
    run_parts = _compile(task, weights, optimizer, engine, unit, sampler.part_size)
    epsilon = plan.epsilon_by_steps()
    steps_a_call = max(1, IMAGES_A_CALL // config.batch_size)
    images = steps * config.batch_size
    with Progress(task.label, epochs=config.epochs, images=images, finished=len(history)) as progress:
        for epoch in range(len(history) + 1, config.epochs + 1):
            progress.start_epoch()
            spent = epsilon.after(epoch * steps)
            for first in range((epoch - 1) * steps, epoch * steps, steps_a_call):
                last = min(first + steps_a_call, epoch * steps)
                run_parts(*sampler.parts(first, last), tf.constant(first, tf.int64))
                progress.advance((last - first) * config.batch_size, f"{name} {spent:.4g} at its end")
            if not np.isfinite(weights.flat.numpy()).all():
                raise TrainingError(
                    f"Expected finite weights of the {task.label}; received infinite ones in epoch {epoch}. "
                    "Pass a lower learning_rate."
                )
            weights.to_model()
            metrics = {name: spent, "images_per_second": progress.images_per_second()}
            metrics |= evaluate(epoch)
            history.append(metrics)
            report(epoch, metrics)
            checkpoint.save(state, history)
            progress.finish_epoch(metrics)
    return history


def _compile(
    task: Task,
    weights: FlatWeights,
    optimizer: keras.optimizers.Optimizer,
    engine: ClippingEngine,
    unit: float,
    part_size: int,
) -> Callable[..., None]:
    """One graph for any steps: ``(indices, mask, last, first step)``, the first three as in `Parts`."""
    arrays = [tf.constant(array) for array in task.arrays]

    def run_parts(indices: tf.Tensor, mask: tf.Tensor, last: tf.Tensor, first: tf.Tensor) -> None:
        def part(number: tf.Tensor, step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
            batch = [tf.gather(array, indices[number]) for array in arrays]
            total += engine.clipped_sum(weights.pieces(), mask[number], *batch)

            def update() -> tuple[tf.Tensor, tf.Tensor]:
                optimizer.apply([engine.noised(total, step) / unit], [weights.flat])
                return step + 1, tf.zeros_like(total)

            return number + 1, *tf.cond(last[number], update, lambda: (step, total))

        start = (tf.constant(0), first, tf.zeros_like(weights.flat.value))
        tf.while_loop(lambda number, *_: number < tf.size(last), part, start)

    signature = [
        tf.TensorSpec((None, part_size), tf.int32),
        tf.TensorSpec((None, part_size), tf.float32),
        tf.TensorSpec((None,), tf.bool),
        tf.TensorSpec((), tf.int64),
    ]
    return tf.function(run_parts, input_signature=signature, autograph=False)
