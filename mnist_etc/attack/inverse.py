"""A network trained to turn answers back into images.

Yang, Zhang, Chang and Liang, 'Neural network inversion in adversarial setting via background knowledge alignment',
CCS 2019: the attacker sends images of their own and learns from the answers; nothing of the model need be known.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.networks import fit
from mnist_etc.data.dataset import SIDE

__all__ = ["train_inverse"]

WARMUP = 0.05


def train_inverse(
    config: AttackConfig, features: NDArray[np.float32], images: NDArray[np.float32], seed: int
) -> keras.Model:
    """A residual network of ``config.blocks`` from features ``(batch, n)`` to images ``(batch, 28, 28)`` in [0, 1].

    Args:
        config: sizes and optimisation; mean squared error by Adam, whose rate falls along a cosine.
        features: of answers, ``(n, m)``; standardised inside.
        images: that they answer, ``(n, 28, 28)`` in [0, 1].
        seed: of weights and order.
    """
    keras.utils.set_random_seed(seed)
    inputs = layers.Input((features.shape[1],))
    scale = layers.Normalization(mean=features.mean(axis=0), variance=features.var(axis=0) + 1e-6)
    hidden = layers.Dense(config.units)(scale(inputs))
    for _ in range(config.blocks):
        inner = layers.Dense(config.units, activation="gelu")(layers.LayerNormalization()(hidden))
        hidden = layers.Add()([hidden, layers.Dense(config.units)(inner)])
    pixels = layers.Dense(SIDE**2, activation="sigmoid")(layers.LayerNormalization()(hidden))
    network = keras.Model(inputs, layers.Reshape((SIDE, SIDE))(pixels), name="inverse")
    steps = config.epochs * -(-len(images) // config.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        int((1 - WARMUP) * steps) + 1,
        warmup_target=config.learning_rate,
        warmup_steps=int(WARMUP * steps),
    )
    fit(
        network,
        lambda sought, found: tf.reduce_mean(tf.square(sought - found), axis=(1, 2)),
        features,
        images,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=rate,
        seed=seed,
    )
    return network
