"""The convolutional network that learns from all images: towards a teacher's probabilities, and the labels asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.task import Task
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.models.augmentation import augmented
from mnist_etc.models.zoo_config import ZooConfig

__all__ = ["Lesson", "fit_student"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What a student is taught of all images."""

    images: npt.NDArray[np.uint8]
    """``(n, side, side)``."""
    targets: Array
    """``(n, classes)``: probabilities by the teacher, one-hot where a label was asked."""
    weights: Array
    """``(n,)``: how much each image counts; their mean is 1."""

    @classmethod
    def of(
        cls,
        images: npt.NDArray[np.uint8],
        probabilities: Array,
        asked: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64],
        config: LabelsConfig,
    ) -> Lesson:
        """Sharpen the teacher's probabilities; an asked image has its label, and together they weigh as is asked.

        Pseudo-labels count by their confidence, and not at all below ``config.confidence`` (after FixMatch, Sohn et
        al. 2020, arXiv:2001.07685, where the threshold is of the model's own guesses on a weakly varied view).

        Args:
            images: uint8 ``(n, side, side)``.
            probabilities: of the teacher, ``(n, classes)``.
            asked: places ``(m,)`` of the images whose labels are known.
            labels: ``(m,)``.
            config: of the lesson.
        """
        surest = probabilities.max(axis=1)
        powers = probabilities.astype(np.float64) ** (1 / config.temperature)
        targets = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        targets[asked] = np.eye(targets.shape[1], dtype=np.float32)[labels]
        weights = np.where(surest >= config.confidence, surest**config.certainty, 0).astype(np.float64)
        weights[asked] = 0
        rest = weights.sum()
        share = max(config.asked_share, len(asked) / len(images)) if rest else 1.0
        weights *= len(images) * (1 - share) / rest if rest else 0
        weights[asked] = len(images) * share / max(len(asked), 1)
        return cls(images=images, targets=targets, weights=weights.astype(np.float32))


def fit_student(
    model: keras.Model,
    lesson: Lesson,
    config: ZooConfig,
    *,
    epochs: int,
    seed: int,
    label: str,
    checkpoint: Checkpoint,
    evaluate: Callable[[int], Metrics] = lambda _: {},
    report: Callable[[int, Metrics], None] = lambda _, __: None,
) -> list[Metrics]:
    """Fit ``model``, in place, to strongly varied views of the images; return the metrics of each epoch.

    Args:
        model: image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``.
        lesson: what it is fitted to.
        config: of the model and its fit; its ``ema`` averages the weights.
        epochs: in place of those of ``config``.
        seed: of the order of the images and of their views.
        label: a word for the progress lines.
        checkpoint: see `mnist_etc.fit.loop.fit`.
        evaluate: see `mnist_etc.fit.loop.fit`.
        report: see `mnist_etc.fit.loop.fit`.

    Raises:
        TrainingError: the fit diverged.
    """
    images, targets, weights = _drawn(lesson)
    task = Task(
        label=label,
        model=model,
        arrays=[images, targets, weights],
        loss=_loss,
        augment=partial(augmented, config=config.augmentation) if config.augment else None,
    )
    steps = PlainSteps(task, replace(config, epochs=epochs), seed)
    return fit(steps, checkpoint=checkpoint, evaluate=evaluate, report=report)


def _drawn(lesson: Lesson) -> tuple[npt.NDArray[np.uint8], Array, Array]:
    """The images that count; one that counts much stands there several times, each a view of its own."""
    times = np.maximum(np.rint(lesson.weights).astype(np.int64), lesson.weights > 0)
    places = np.repeat(np.arange(len(times)), times)
    return (
        lesson.images[places],
        lesson.targets[places],
        (lesson.weights / np.maximum(times, 1))[places].astype(np.float32),
    )


def _loss(
    predict: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    pixels = tf.cast(images[..., tf.newaxis], tf.float32) / 255.0
    return weights * tf.nn.softmax_cross_entropy_with_logits(targets, predict(pixels))
