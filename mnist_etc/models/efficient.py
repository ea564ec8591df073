"""The network of the zoo with the best accuracy for its cost: residual, and normalized."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from keras import layers

from mnist_etc.models.blocks import activated, convolution, linear, normalization
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_efficient"]

WIDTH = 32
DEPTH = 1


def build_efficient(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``.

    Residual blocks (He et al. 2015, arXiv:1512.03385) on a half and on a quarter of the image's side, after a
    convolution each; every pool comes before batch normalization, which then costs a quarter.

    Args:
        config: ``width`` of the first convolution, a quarter of the last; ``depth``: blocks on each of the two maps;
            ``dropout`` before the logits.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    seeds, width, depth = layer_seeds(seed), config.width or WIDTH, config.depth or DEPTH
    images = layers.Input((side, side, 1))
    found = activated(layers.MaxPooling2D(2)(convolution(width, seeds)(images)))
    found = _stage(convolution(2 * width, seeds)(found), 2 * width, depth, seeds)
    found = _stage(layers.MaxPooling2D(2)(convolution(4 * width, seeds)(found)), 4 * width, depth, seeds)
    found = layers.GlobalAveragePooling2D()(found)
    if config.dropout:
        found = layers.Dropout(config.dropout, seed=next(seeds))(found)
    return keras.Model(images, linear(classes, seeds)(found), name="efficient")


def _stage(found: keras.KerasTensor, filters: int, depth: int, seeds: Iterator[int]) -> keras.KerasTensor:
    """Normalized, and through ``depth`` blocks of two convolutions beside the identity."""
    found = activated(found)
    for _ in range(depth):
        beside = convolution(filters, seeds)(activated(convolution(filters, seeds)(found)))
        found = layers.ReLU()(layers.Add()([found, normalization()(beside)]))
    return found
