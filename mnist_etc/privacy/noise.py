"""The Gaussian noise of a step."""

from __future__ import annotations

import hashlib
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
        seed: 0 to 2**128 - 1.
        step: int64 scalar.
        stddev: of each number.
    """
    pair = tf.random.stateless_normal(tf.stack([2, size]), _words(seed, step))
    return (pair[0] + pair[1]) * (stddev / math.sqrt(2))


def _words(seed: int, step: tf.Tensor) -> tf.Tensor:
    """What TensorFlow takes for a seed, int64 ``(2,)``: 128 bits in which no two steps of a seed are the same.

    The seed is hashed, so that seeds beside one another share no step; the step goes into one word by exclusive or.
    TensorFlow enciphers both words together by Philox and takes key and counter from that, so all 128 bits count.
    """
    digest = hashlib.blake2b(seed.to_bytes(16, "big"), digest_size=16, person=b"mnist_etc noise").digest()
    high, low = (int.from_bytes(digest[first : first + 8], "big", signed=True) for first in (0, 8))
    return tf.stack([tf.constant(high, tf.int64), tf.bitwise.bitwise_xor(tf.constant(low, tf.int64), step)])
