"""The small convolutional network of the zoo."""

from __future__ import annotations

import keras
from keras import layers
from keras.initializers import GlorotUniform, HeNormal

from mnist_etc.models.config import ModelConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_cnn"]

WIDTH = 32


def build_cnn(config: ModelConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``."""
    seeds, width = layer_seeds(seed), config.width or WIDTH
    model = keras.Sequential([layers.Input((side, side, 1))], name="cnn")
    for filters in (width, 2 * width):
        fresh = HeNormal(next(seeds))
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer=fresh))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(classes, kernel_initializer=GlorotUniform(next(seeds))))
    return model
