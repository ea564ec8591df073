"""The loop of every training: batches gathered from arrays in memory. `mnist_etc.fit.private_loop` is its twin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_etc.errors import TrainingError
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.optimization import FlatWeights, build_optimizer
from mnist_etc.fit.progress import Progress
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig

__all__ = ["Task", "fit"]

STEPS_A_CALL = 100


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is fitted to what.

    Attributes:
        label: a word for the progress lines.
        model: every trainable weight of it is trained.
        arrays: training data, each ``(n, ...)``.
        loss: called with ``predict``, which is the model on a batch, and a batch of each array; the loss of each
            example, ``(batch,)``.
        vary: called with a batch of the first array and an int32 seed ``(2,)`` of the step; what is fitted instead.
    """

    label: str
    model: keras.Model
    arrays: Sequence[npt.NDArray[Any]]
    loss: Callable[..., tf.Tensor]
    vary: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None


def fit(
    task: Task,
    config: AutoencoderConfig | ClassifierConfig,
    *,
    seed: int,
    checkpoint: Checkpoint,
    evaluate: Callable[[int], Metrics],
    report: Callable[[int, Metrics], None],
) -> list[Metrics]:
    """Fit ``task.model``, going on from ``checkpoint`` where it holds this training's state.

    The batches of an epoch depend on the seed and the epoch alone; the last one may be smaller.

    Args:
        task: what is fitted.
        config: epochs, batch size and optimizer.
        seed: fixes the order of the images.
        checkpoint: where the state goes after each epoch.
        evaluate: called after each epoch with its number, from 1; what it measures.
        report: called with the number and the metrics of each epoch, earlier runs' included.

    Returns:
        The metrics of every epoch: ``loss``, ``images_per_second`` and what ``evaluate`` returned.

    Raises:
        TrainingError: the loss is no finite number any more.
    """
    images = len(task.arrays[0])
    steps = -(-images // config.batch_size)
    weights = FlatWeights(task.model)
    optimizer = build_optimizer(config, steps * config.epochs)
    optimizer.build([weights.flat])
    state = [weights.flat, *optimizer.variables]
    history = checkpoint.restore(state)
    for finished, metrics in enumerate(history):
        report(finished + 1, metrics)
    if history:
        print(f"{task.label}  resumes after epoch {len(history)}/{config.epochs}", flush=True)
    weights.to_model()
    run_steps = _compile(task, weights, optimizer, config.batch_size, seed)
    with Progress(task.label, epochs=config.epochs, images=images, finished=len(history)) as progress:
        for epoch in range(len(history) + 1, config.epochs + 1):
            progress.start_epoch()
            order = tf.constant(np.random.default_rng([seed, epoch]).permutation(images))
            total = 0.0
            for first in range(0, steps, STEPS_A_CALL):
                last = min(first + STEPS_A_CALL, steps)
                total += float(run_steps(order, tf.constant(first), tf.constant(last), tf.constant(epoch)))
                seen = min(last * config.batch_size, images)
                progress.advance(seen - first * config.batch_size, f"loss {total / seen:.5f}")
            if not math.isfinite(total):
                raise TrainingError(
                    f"Expected a finite loss of the {task.label}; received {total} in epoch {epoch}. "
                    "Pass a lower learning_rate."
                )
            weights.to_model()
            metrics = {"loss": total / images, "images_per_second": progress.images_per_second()}
            metrics |= evaluate(epoch)
            history.append(metrics)
            report(epoch, metrics)
            checkpoint.save(state, history)
            progress.finish_epoch(metrics)
    return history


def _compile(
    task: Task, weights: FlatWeights, optimizer: keras.optimizers.Optimizer, batch_size: int, seed: int
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """One graph for many steps: ``(order, first, last, epoch)`` to the sum of the losses of every image seen."""
    arrays = [tf.constant(array) for array in task.arrays]

    steps = -(-len(task.arrays[0]) // batch_size)
    seed_of_steps = np.random.default_rng([seed, 0]).integers(2**31, dtype=np.int32)

    def run_steps(order: tf.Tensor, first: tf.Tensor, last: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        def step(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            indices = order[number * batch_size : (number + 1) * batch_size]
            batch = [tf.gather(array, indices) for array in arrays]
            if task.vary:
                batch[0] = task.vary(batch[0], tf.stack([seed_of_steps, epoch * steps + number]))
            with tf.GradientTape() as tape:
                losses = task.loss(weights.predict, *batch)
                loss = tf.reduce_mean(losses)
            optimizer.apply([tape.gradient(loss, weights.flat.value)], [weights.flat])
            return number + 1, total + loss * tf.cast(tf.size(indices), tf.float32)

        return tf.while_loop(lambda number, _: number < last, step, (first, tf.constant(0.0)))[1]

    return tf.function(run_steps, autograph=False)
