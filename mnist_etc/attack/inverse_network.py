"""Networks trained to turn answers back into images.

Yang, Zhang, Chang and Liang, 'Neural network inversion in adversarial setting via background knowledge alignment',
CCS 2019: the attacker sends images of their own and learns from the answers; nothing of the model need be known.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.initializers import GlorotUniform
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.mean_by_answer import mean_suffices
from mnist_etc.attack.networks import apply, fit
from mnist_etc.seeds import layer_seeds

__all__ = ["inverse_networks", "invert", "rebuild"]

WARMUP = 0.05


def rebuild(adversary: Adversary) -> Reconstruction | None:
    """Train on the answers about the attacker's own images; None where their mean is already as good."""
    learned, seen = adversary.features
    if mean_suffices(learned):
        return None
    return Reconstruction(invert(adversary.config, learned, adversary.own.images, seen, adversary.seed))


def invert(
    config: AttackConfig,
    learned: NDArray[np.float32],
    images: NDArray[np.float32],
    seen: NDArray[np.float32],
    seed: int,
) -> NDArray[np.float32]:
    """Images ``(t, side, side)`` in [0, 1] behind answers: the mean of what ``config.networks`` networks make of them.

    Networks that differ in their first weights alone err apart, and their mean errs less than each (Lakshminarayanan,
    Pritzel and Blundell, NeurIPS 2017).

    Args:
        config: sizes and optimization.
        learned: features of the answers about ``images``, ``(n, m)``.
        images: the attacker's own, ``(n, side, side)`` in [0, 1].
        seen: the same features of the answers about the targets, ``(t, m)``.
        seed: of weights and order.
    """
    networks = inverse_networks(config, learned, images, seed)
    return np.asarray(sum(apply(network, seen) for network in networks) / config.networks)


def inverse_networks(
    config: AttackConfig, learned: NDArray[np.float32], images: NDArray[np.float32], seed: int
) -> Iterator[keras.Model]:
    """Train the networks of `invert` one after the other, features ``(batch, m)`` to images ``(batch, side, side)``."""
    for one in np.random.SeedSequence(seed).generate_state(config.networks):
        yield _trained(config, learned, images, int(one))


def _trained(
    config: AttackConfig, features: NDArray[np.float32], images: NDArray[np.float32], seed: int
) -> keras.Model:
    """A residual network of ``config.blocks``; mean squared error by AdamW, whose rate falls along a cosine."""
    initial = (GlorotUniform(one) for one in layer_seeds(seed))
    inputs = layers.Input((features.shape[1],))
    scale = layers.Normalization(mean=features.mean(axis=0), variance=features.var(axis=0) + 1e-6)
    hidden = layers.Dense(config.units, kernel_initializer=next(initial))(scale(inputs))
    for _ in range(config.blocks):
        inner = layers.Dense(config.units, "silu", kernel_initializer=next(initial))(layers.RMSNormalization()(hidden))
        hidden = layers.Add()([hidden, layers.Dense(config.units, kernel_initializer="zeros")(inner)])
    side = images.shape[1]
    pixels = layers.Dense(side**2, "sigmoid", kernel_initializer=next(initial))(layers.RMSNormalization()(hidden))
    network = keras.Model(inputs, layers.Reshape((side, side))(pixels), name="inverse")
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
        optimizer=keras.optimizers.AdamW(rate, weight_decay=config.weight_decay),
        seed=seed,
    )
    return network
