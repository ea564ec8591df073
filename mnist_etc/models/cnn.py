"""The small convolutional network of the zoo."""

from __future__ import annotations

import keras
from keras import layers

from mnist_etc.models.blocks import convolution, linear, normalization
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_cnn"]

WIDTH = 32
LARGEST_MAP = 8
"""Cells along each side that the logits read; a larger image is averaged over."""


def build_cnn(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``.

    Four convolutions, pooled after the first two, before batch normalization, which then costs a quarter. A private one
    has biases in its place.

    Args:
        config: ``width`` of the first convolution, ``dropout`` before the logits, ``private``.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    seeds, width, normalized = layer_seeds(seed), config.width or WIDTH, not config.private
    model = keras.Sequential([layers.Input((side, side, 1))], name="cnn")
    for number in range(4):
        model.add(convolution(width if number == 0 else 2 * width, seeds, normalized=normalized))
        if number < 2:
            model.add(layers.MaxPooling2D(2))
        if normalized:
            model.add(normalization())
        model.add(layers.ReLU())
    if (cell := -(-side // 4 // LARGEST_MAP)) > 1:
        model.add(layers.AveragePooling2D(cell))
    model.add(layers.Flatten())
    if config.dropout:
        model.add(layers.Dropout(config.dropout, seed=next(seeds)))
    model.add(linear(classes, seeds))
    return model
