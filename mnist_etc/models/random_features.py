"""Fixed nonlinear functions of the code, by which a linear head tells apart what no plane in the code does.

Random features (Rahimi and Recht 2007, "Random Features for Large-Scale Kernel Machines"), with ReLU as in Cho and
Saul 2009, "Kernel Methods for Deep Learning". They see drawn images alone, so that they cost no privacy beyond what the
encoder has spent.
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

__all__ = ["after_random_features", "build_random_features", "fit_random_features"]

Values = npt.NDArray[np.float32]
EVEN = 0.25
"""Power of a direction's variance that it is divided by: half of a whitening."""
LEAST = 1e-4, 1e-9
"""Of the largest variance: what the smaller ones of the features, and of their random functions, are raised to."""
BIAS = 0.5
"""Deviation of the random functions' thresholds, where the features have deviation 1."""


def build_random_features(inputs: int, units: int) -> keras.Model:
    """The network ``(batch, inputs)`` to ``(batch, units)`` of norm 1, its weights 0."""
    return keras.Sequential(
        [
            layers.Input((inputs,)),
            layers.Dense(units, "relu", kernel_initializer="zeros"),
            layers.Dense(units, kernel_initializer="zeros"),
            layers.UnitNormalization(),
        ],
        name="random_features",
    )


def fit_random_features(seen: Values, units: int, seed: int) -> keras.Model:
    """Features ``(batch, k)`` to ``(batch, units)`` of norm 1.

    ReLUs of random directions of the whitened features; then the principal components of those, each divided by the
    square root of its deviation, so that each image's norm is not that of the few largest.

    Args:
        seen: ``(n, k)``, features of images that are nobody's.
        units: how many.
        seed: of the directions; no secret.
    """
    model = build_random_features(seen.shape[1], units)
    expansion, components = model.layers[:2]
    generator = np.random.default_rng([seed, units])
    vectors, values, mean = _principal(seen, LEAST[0])
    directions = (vectors / np.sqrt(values)) @ generator.normal(size=(len(values), units)) / np.sqrt(len(values))
    expansion.set_weights([directions, generator.normal(0, BIAS, units) - mean @ directions])
    vectors, values, mean = _principal(expansion(seen).numpy(), LEAST[1])
    kernel = vectors * values**-EVEN
    components.set_weights([kernel, -mean @ kernel])
    return model


def after_random_features(random_features: keras.Model, classifier: keras.Model) -> keras.Model:
    """The classifier of features, from one of their random functions; shares the weights of both."""
    return keras.Sequential(
        [layers.Input(random_features.input_shape[1:]), random_features, classifier], name="classifier"
    )


def _principal(
    values: Values, least: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Directions, the variances along them and the mean of rows ``(n, k)``."""
    mean = values.mean(axis=0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(values.T)))
    return vectors, np.maximum(variances, max(least * variances[-1], np.finfo(np.float32).tiny)), mean
