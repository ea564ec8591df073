"""What the convolutional networks of the zoo are built of."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from keras import layers
from keras.initializers import GlorotUniform, HeNormal

__all__ = ["activated", "convolution", "linear", "normalization"]

MOMENTUM = 0.9
"""Of the running means that stand for a batch's after training: those of some 20 steps, so that short trainings do."""


def convolution(
    filters: int,
    seeds: Iterator[int],
    size: int = 3,
    *,
    strides: int = 1,
    padding: str = "same",
    normalized: bool = True,
) -> layers.Layer:
    """A convolution; with a bias unless a `normalization` follows, which has one."""
    fresh = HeNormal(next(seeds))
    return layers.Conv2D(filters, size, strides, padding, use_bias=not normalized, kernel_initializer=fresh)


def normalization() -> layers.Layer:
    """Batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167), which no private training can have."""
    return layers.BatchNormalization(momentum=MOMENTUM)


def linear(classes: int, seeds: Iterator[int]) -> layers.Layer:
    """To logits."""
    return layers.Dense(classes, kernel_initializer=GlorotUniform(next(seeds)))


def activated(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalized, and its positive part."""
    return layers.ReLU()(normalization()(inputs))
