"""The smallest network of the zoo: under 8,000 weights."""

from __future__ import annotations

import keras
from keras import layers

from mnist_etc.models.blocks import activated, convolution, linear
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_tiny"]

WIDTH = 8
POOLED = 1, 3
"""Convolutions, from 0, that a pool follows."""


def build_tiny(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``, linear in the mean of the last map.

    Five convolutions, two of them at the whole side: few weights, each of which is used often.

    Args:
        config: ``width`` of the first convolution.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    seeds, width = layer_seeds(seed), config.width or WIDTH
    images = found = layers.Input((side, side, 1))
    for number, filters in enumerate((width, width, 2 * width, 2 * width, 11 * width // 4)):
        found = convolution(filters, seeds)(found)
        if number in POOLED:
            found = layers.MaxPooling2D(2)(found)
        found = activated(found)
    return keras.Model(images, linear(classes, seeds)(layers.GlobalAveragePooling2D()(found)), name="tiny")
