"""The smallest network of the zoo: under 8,000 weights."""

from __future__ import annotations

import keras
from keras import layers

from mnist_etc.models.blocks import activated, convolution, linear
from mnist_etc.models.config import ModelConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_tiny"]

WIDTH = 8


def build_tiny(config: ModelConfig, seed: int, side: int, classes: int) -> keras.Model:
    """TODO"""
    seeds, width = layer_seeds(seed), config.width or WIDTH
    images = layers.Input((side, side, 1))
    found = activated(layers.MaxPooling2D(2)(convolution(width, seeds)(images)))
    found = activated(convolution(2 * width, seeds)(found))
    found = activated(layers.MaxPooling2D(2)(convolution(2 * width, seeds)(found)))
    found = activated(convolution(3 * width, seeds)(found))
    return keras.Model(images, linear(classes, seeds)(layers.GlobalAveragePooling2D()(found)), name="tiny")
