"""An independent network that says which class a rebuilt image shows."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.initializers import GlorotUniform
from numpy.typing import NDArray

from mnist_etc.attack.networks import apply, fit
from mnist_etc.data.dataset import Split, scale_pixels
from mnist_etc.seeds import layer_seeds

__all__ = ["Evaluator"]

EPOCHS = 3
BATCH = 128
LEAST_SIDE = 12
"""Pixels, below which the convolutions need a margin."""
LEARNING_RATE = 0.001


class Evaluator:
    """A convolutional network of its own, trained on ``split``; about 99 % on MNIST.

    Args:
        split: images that are no targets.
        seed: of weights and order.
    """

    def __init__(self, split: Split, seed: int) -> None:
        initial = (GlorotUniform(one) for one in layer_seeds(seed))
        padding = "valid" if split.side >= LEAST_SIDE else "same"
        self._network = keras.Sequential(
            [
                layers.Input((split.side, split.side, 1)),
                layers.Conv2D(16, 5, 2, padding, activation="relu", kernel_initializer=next(initial)),
                layers.Conv2D(32, 3, 2, padding, activation="relu", kernel_initializer=next(initial)),
                layers.Flatten(),
                layers.Dense(128, activation="relu", kernel_initializer=next(initial)),
                layers.Dense(len(split.names), kernel_initializer=next(initial)),
            ]
        )
        fit(
            self._network,
            tf.nn.sparse_softmax_cross_entropy_with_logits,
            scale_pixels(split.images),
            split.labels,
            epochs=EPOCHS,
            batch_size=BATCH,
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            seed=seed,
        )

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Classes ``(n,)`` of images ``(n, side, side)`` in [0, 1]."""
        logits = apply(self._network, images[..., None])
        return np.asarray(logits.argmax(axis=1))
