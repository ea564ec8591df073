"""The Gaussian noise of a step."""

from __future__ import annotations

import math

import tensorflow as tf

__all__ = ["gaussian_noise"]


def gaussian_noise(size: tf.Tensor, seed: int, step: tf.Tensor, stddev: float) -> tf.Tensor:
    """Independent noise ``(size,)`` that follows from seed and step alone, however often a graph is traced.

    TensorFlow's Box-Muller takes a uniform number of at least 1e-7, so no normal number exceeds 5.68 deviations: with a
    tail cut there, delta could be ten times what the accountant of an unbounded Gaussian says. Two of them, added and
    divided by the square root of 2, reach 8.03, beyond which a Gaussian has 1e-15.

    Args:
        size: int32 scalar.
        seed: 0 to 2**63 - 1.
        step: int64 scalar.
        stddev: of each number.
    """
    pair = tf.random.stateless_normal(tf.stack([2, size]), tf.stack([tf.constant(seed, tf.int64), step]))
    return (pair[0] + pair[1]) * (stddev / math.sqrt(2))
