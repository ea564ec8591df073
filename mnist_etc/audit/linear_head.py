"""A linear head trained by DP-SGD with every step open to whoever audits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, assert_never

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from mnist_etc.audit.config import PlantedBug
from mnist_etc.audit.planted import BatchClipped, FullBatches, NoiseHalved
from mnist_etc.data import Split
from mnist_etc.data.dataset import CLASSES
from mnist_etc.models.losses import cross_entropy
from mnist_etc.privacy.engine import ClippingEngine, full_precision
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.registry import build_engine
from mnist_etc.privacy.sampling import Parts

__all__ = ["HeadTraining", "Sampler", "build_head_training", "pixels"]

Values = npt.NDArray[np.float32]
NEVER_CLIPPED = 1e9


class Sampler(Protocol):
    """What the training needs of `mnist_etc.privacy.sampling.PoissonSampler`."""

    def parts(self, first_step: int, last_step: int) -> Parts:
        """The samples of steps ``first_step`` to ``last_step - 1``."""


class HeadTraining:
    """Gradient descent from zero weights on any part of one set of examples.

    Its loop is its own, and not `mnist_etc.fit.loop`: the auditor sees every step, a coin masks each example, and the
    trainings on several parts share one numbering of the noise.

    Args:
        features: ``(examples, inputs)``.
        labels: ``(examples,)``.
        engine: clips and adds noise; of a classifier of one dense layer.
        sampler: of all the examples.
        batch_size: what the noised sum is divided by.
        learning_rate: of plain gradient descent.
    """

    def __init__(
        self,
        features: Values,
        labels: npt.NDArray[np.int64],
        *,
        engine: ClippingEngine,
        sampler: Sampler,
        batch_size: int,
        learning_rate: float,
    ) -> None:
        self._inputs, self._sampler = features.shape[1], sampler
        self._rate = learning_rate / batch_size
        rows, answers = tf.constant(features), tf.constant(labels)

        def clipped_sum(kernel: tf.Tensor, bias: tf.Tensor, indices: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
            return engine.clipped_sum([kernel, bias], mask, tf.gather(rows, indices), tf.gather(answers, indices))

        self._clipped_sum = tf.function(clipped_sum, autograph=False, reduce_retracing=True)
        self._noised = tf.function(engine.add_noise, autograph=False)

    @full_precision()
    def fit(
        self,
        included: npt.NDArray[np.bool_],
        steps: int,
        *,
        first_step: int = 0,
        observe: Callable[[Values, Values, Values], None] | None = None,
    ) -> tuple[Values, Values]:
        """Train on the included examples; whether one is included changes no other's probability to be sampled.

        Args:
            included: ``(examples,)``.
            steps: how many.
            first_step: its number; no two trainings of one engine may share steps, or they share noise.
            observe: sees each step: kernel and bias before it, and the noised sum of gradients, the kernel's first.

        Returns:
            Kernel ``(inputs, 10)`` and bias ``(10,)``.
        """
        kernel, bias = np.zeros((self._inputs, CLASSES), np.float32), np.zeros(CLASSES, np.float32)
        for step in range(first_step, first_step + steps):
            indices, mask, _ = self._sampler.parts(step, step + 1)
            mask = mask * included[indices]
            total = tf.add_n([self._clipped_sum(kernel, bias, *part) for part in zip(indices, mask, strict=True)])
            noised = self._noised(total, tf.constant(step, tf.int64)).numpy()
            if observe:
                observe(kernel, bias, noised)
            kernel = kernel - self._rate * noised[: kernel.size].reshape(kernel.shape)
            bias = bias - self._rate * noised[kernel.size :]
        return kernel, bias


def build_head_training(
    features: Values,
    labels: npt.NDArray[np.int64],
    plan: PrivacyPlan,
    *,
    learning_rate: float,
    sampling_seed: int,
    noise_seed: int,
    bug: PlantedBug | None = None,
) -> HeadTraining:
    """A linear head's training by the sampler and the engine of ``plan``, as every private training has them.

    Args:
        features: ``(examples, inputs)``.
        labels: ``(examples,)``.
        plan: private.
        learning_rate: see `HeadTraining`.
        sampling_seed: secret.
        noise_seed: secret.
        bug: what is done wrong.

    Raises:
        PrivacyError: the engine is not installed.
    """
    assert plan.stage
    assert plan.privacy
    dense = layers.Dense(CLASSES, kernel_initializer="zeros")
    model = keras.Sequential([layers.Input((features.shape[1],)), dense])
    engine, batch_size = plan.engine(model, cross_entropy, noise_seed), plan.stage.batch_size
    sampler: Any = plan.sampler(sampling_seed)
    match bug:
        case None:
            pass
        case PlantedBug.noise_halved:
            engine = NoiseHalved(engine)
        case PlantedBug.batch_clipped:
            unclipped = build_engine(
                plan.privacy.engine,
                model,
                cross_entropy,
                l2_norm_clip=NEVER_CLIPPED,
                noise_multiplier=plan.stage.noise_multiplier,
                seed=noise_seed,
            )
            engine = BatchClipped(engine, unclipped, l2_norm_clip=plan.stage.l2_norm_clip, batch_size=batch_size)
        case PlantedBug.full_batches:
            sampler = FullBatches(sampler, len(labels))
        case _:
            assert_never(bug)
    return HeadTraining(
        features, labels, engine=engine, sampler=sampler, batch_size=batch_size, learning_rate=learning_rate
    )


def pixels(images: Split) -> Values:
    """Each image's pixels, scaled to norm 1, ``(images, 784)``."""
    flat = images.images.reshape(len(images), -1).astype(np.float32)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: Values = (flat / np.maximum(norms, 1)).astype(np.float32, copy=False)
    return scaled
