"""Training and applying a small network, in a loop of its own.

`mnist_etc.fit.loop` orders the images of an epoch otherwise and moves all weights as one vector, so the published
figures of the attacks would change by it; and an attack needs neither checkpoint nor progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

__all__ = ["apply", "fit"]

BATCH = 1000
Array = NDArray[np.float32]


def fit(
    network: keras.Model,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    inputs: NDArray[Any],
    wanted: NDArray[Any],
    *,
    epochs: int,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
    seed: int,
) -> None:
    """Minimize the mean of ``loss(wanted, network(inputs))``.

    Args:
        network: with fresh weights.
        loss: of a batch, ``(batch,)``.
        inputs: ``(n, ...)``.
        wanted: ``(n, ...)``.
        epochs: each over all examples, in another order.
        batch_size: the last batch of an epoch may be smaller.
        optimizer: a fresh one.
        seed: of the order.
    """
    optimizer.build(network.trainable_variables)
    known, sought = tf.constant(inputs), tf.constant(wanted)

    def step(chosen: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss(tf.gather(sought, chosen), network(tf.gather(known, chosen), training=True)))
        optimizer.apply(tape.gradient(value, network.trainable_variables))

    compiled = tf.function(step, input_signature=[tf.TensorSpec([None], tf.int64)]).get_concrete_function()
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(inputs))
        for first in range(0, len(order), batch_size):
            compiled(tf.constant(order[first : first + batch_size]))


def apply(network: Callable[[tf.Tensor], tf.Tensor], inputs: NDArray[Any]) -> Array:
    """What ``network`` makes of ``inputs`` ``(n, ...)``, a thousand at a time."""
    parts = [network(tf.constant(inputs[first : first + BATCH])).numpy() for first in range(0, len(inputs), BATCH)]
    return np.asarray(np.concatenate(parts))
