"""Layers of capsules: vectors whose direction says how a part looks, and whose length, below 1, whether it is there."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops
from keras.initializers import HeNormal

from mnist_etc.models.routing import ROUTINGS
from mnist_etc.registry import resolve

__all__ = ["Capsules", "LengthLogits", "LongestCapsule", "Squash"]

EPSILON = 1e-5
"""Added to a squared norm: the root of 0 has no gradient."""
ITERATIONS = 3
"""Of dynamic routing."""


def norm(vectors: keras.KerasTensor) -> keras.KerasTensor:
    """Of the last axis, which is kept."""
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + EPSILON)


def squashed(vectors: keras.KerasTensor) -> keras.KerasTensor:
    """Vectors of the same direction and of length ``1 - exp(-norm)``: equation 4 of arXiv:2101.12491."""
    length = norm(vectors)
    return vectors / length * (1.0 - ops.exp(-length))


def by_self_attention(votes: keras.KerasTensor, prior: keras.KerasTensor) -> keras.KerasTensor:
    """Each capsule's vote counts as much as it agrees with the others': equations 6 to 8 of arXiv:2101.12491.

    Args:
        votes: ``(batch, capsules, inputs, dimension)``.
        prior: what is added to the coefficients, ``(capsules, inputs, 1)``.

    Returns:
        Sums ``(batch, capsules, dimension)``.
    """
    agreement = ops.sum(votes * ops.sum(votes, axis=2, keepdims=True), axis=-1, keepdims=True)
    shares = ops.softmax(agreement / math.sqrt(votes.shape[-1]), axis=1) + prior
    return ops.sum(shares * votes, axis=2)


def by_agreement(votes: keras.KerasTensor, prior: keras.KerasTensor) -> keras.KerasTensor:
    """Dynamic routing (Sabour, Frosst and Hinton 2017, arXiv:1710.09829, procedure 1); see `by_self_attention`.

    As there, the coefficients before the last iteration pass no gradient on.
    """
    fixed, logits = ops.stop_gradient(votes), prior
    for _ in range(ITERATIONS - 1):
        found = squashed(ops.sum(ops.softmax(logits, axis=-3) * fixed, axis=2))
        logits = logits + ops.sum(fixed * ops.expand_dims(found, 2), axis=-1, keepdims=True)
    return ops.sum(ops.softmax(logits, axis=-3) * votes, axis=2)


@keras.saving.register_keras_serializable("mnist_etc")
class Squash(layers.Layer):  # type: ignore[misc]
    """Vectors in the last axis to vectors of the same direction, shorter than 1."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of any shape."""
        return squashed(inputs)


@keras.saving.register_keras_serializable("mnist_etc")
class Capsules(layers.Layer):  # type: ignore[misc]
    """Capsules ``(batch, inputs, n)`` to sums of their votes ``(batch, capsules, dimension)``, not squashed.

    Args:
        capsules: how many there are to be.
        dimension: of each.
        routing: a row of `mnist_etc.models.routing.ROUTINGS`.
        seed: of the fresh weights.
        words: what `keras.layers.Layer` takes.
    """

    def __init__(self, capsules: int, dimension: int, routing: str, seed: int = 0, **words: Any) -> None:
        super().__init__(**words)
        self.capsules, self.dimension, self.routing, self.seed = capsules, dimension, routing, seed
        self._route = resolve(ROUTINGS[routing])

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One matrix a pair of capsules."""
        _, inputs, size = input_shape
        self.kernel = self.add_weight(
            shape=(inputs, size, self.capsules * self.dimension), name="kernel", initializer=HeNormal(self.seed)
        )
        self.prior = self.add_weight(shape=(self.capsules, inputs, 1), name="prior", initializer="zeros")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of ``(batch, inputs, n)``."""
        votes = ops.matmul(ops.transpose(inputs, (1, 0, 2)), self.kernel)
        votes = ops.reshape(votes, (inputs.shape[1], -1, self.capsules, self.dimension))
        return self._route(ops.transpose(votes, (1, 2, 0, 3)), self.prior)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        own = {"capsules": self.capsules, "dimension": self.dimension, "routing": self.routing, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("mnist_etc")
class LengthLogits(layers.Layer):  # type: ignore[misc]
    """Sums of votes ``(batch, capsules, dimension)`` to logits ``(batch, capsules)``: their squashed lengths, scaled.

    Softmax of lengths, which lie in [0, 1], would never be sure of anything.

    Args:
        scale: of the lengths.
        words: what `keras.layers.Layer` takes.
    """

    def __init__(self, scale: float, **words: Any) -> None:
        super().__init__(**words)
        self.scale = scale

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of sums that are not squashed yet."""
        return self.scale * (1.0 - ops.exp(-norm(inputs)[..., 0]))

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("mnist_etc")
class LongestCapsule(layers.Layer):  # type: ignore[misc]
    """Capsules ``(batch, capsules, dimension)`` with zeros for all but the longest: what the decoder reads."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of squashed ones."""
        lengths = ops.sum(ops.square(inputs), axis=-1)
        return inputs * ops.expand_dims(ops.one_hot(ops.argmax(lengths, axis=1), inputs.shape[1]), -1)
