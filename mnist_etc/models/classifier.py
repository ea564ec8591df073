"""The classifier on the hidden code or on fixed features."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from keras.initializers import GlorotUniform, HeNormal

from mnist_etc.data.dataset import DIGITS
from mnist_etc.models.config import ClassifierConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["build_classifier", "build_full_model", "build_whitening"]

AUTOENCODER_LAYERS = 10
"""With weights."""


def build_classifier(config: ClassifierConfig, inputs: int, seed: int = 0, classes: int = len(DIGITS)) -> keras.Model:
    """Features ``(batch, inputs)`` to logits ``(batch, classes)``: linear, or through ReLU layers of ``hidden_units``.

    A private one has no bias: a linear layer's reads a constant 1 beside features of norm 1, so that half of each
    clipped gradient, squared, would be the bias's.

    Args:
        config: the widths.
        inputs: numbers that an image's features are.
        seed: of the fresh weights.
        classes: how many there are.
    """
    seeds, bias = layer_seeds(seed, after=AUTOENCODER_LAYERS), not config.private
    hidden = [
        layers.Dense(units, "relu", use_bias=bias, kernel_initializer=HeNormal(next(seeds)))
        for units in config.hidden_units
    ]
    logits = layers.Dense(classes, use_bias=bias, kernel_initializer=GlorotUniform(next(seeds)))
    return keras.Sequential([layers.Input((inputs,)), *hidden, logits], name="classifier")


def build_whitening(matrix: npt.NDArray[np.float32]) -> keras.Model:
    """Features ``(batch, n)`` to whitened ones of norm 1, by the symmetric ``matrix`` ``(n, n)``."""
    product = layers.Dense(len(matrix), use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential(
        [layers.Input((len(matrix),)), layers.UnitNormalization(), product, layers.UnitNormalization()],
        name="whitening",
    )
    product.set_weights([matrix])
    return model


def build_full_model(features: keras.Model, classifier: keras.Model) -> keras.Model:
    """Image ``(batch, side, side, 1)`` to logits ``(batch, classes)``; shares the weights of both parts."""
    return keras.Sequential([layers.Input(features.input_shape[1:]), features, classifier], name="full_model")
