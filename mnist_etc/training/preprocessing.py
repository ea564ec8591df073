"""What is done to the features before a fit, and how the published classifier takes it over."""

from __future__ import annotations

from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_etc.errors import ConfigError
from mnist_etc.models.classifier import build_whitening
from mnist_etc.privacy.moments import noised_second_moments, whitening

__all__ = ["Preprocessing", "Standardization", "Whitening"]

BATCH = 1024
Values = npt.NDArray[np.float32]


class Preprocessing(Protocol):
    """Measured on training features ``(n, k)``, applied to any."""

    def apply(self, features: Values) -> None:
        """Prepare features in place."""

    def check(self, model: keras.Model) -> None:
        """Refuse a classifier that cannot take over what is done to its features, before it is fitted.

        Raises:
            ConfigError: `fold_into` would not hold for it.
        """

    def fold_into(self, model: keras.Model) -> keras.Model:
        """The classifier that reads raw features, from ``model``, which was fitted to prepared ones."""


class Standardization:
    """To mean 0 and deviation 1; the first layer takes it over. Not private: it gives away mean and deviation."""

    def __init__(self, features: Values) -> None:
        self._mean = features.mean(axis=0)
        self._scale = np.maximum(features.std(axis=0), np.float32(1e-6))

    def apply(self, features: Values) -> None:
        """See `Preprocessing`."""
        features -= self._mean
        features /= self._scale

    def layer(self) -> keras.layers.Layer:
        """The same inside a network, without weights."""
        return layers.Normalization(mean=self._mean, variance=self._scale**2)

    def check(self, model: keras.Model) -> None:
        """See `Preprocessing`; its first layer has to be a `keras.layers.Dense` with a bias."""
        first = model.layers[0]
        if not (isinstance(first, layers.Dense) and first.use_bias):
            raise ConfigError(
                "Expected a classifier whose first layer is a Dense with a bias, which takes over the standardization "
                f"of the features; received a {type(first).__name__}. Put a Dense before it."
            )

    def fold_into(self, model: keras.Model) -> keras.Model:
        """See `Preprocessing`."""
        kernel, bias = model.layers[0].get_weights()
        kernel = kernel / self._scale[:, np.newaxis]
        model.layers[0].set_weights([kernel, bias - self._mean @ kernel])
        return model


class Whitening:
    """By second moments that were released with noise; each image's features have norm 1 before and after.

    Args:
        features: of the training images.
        noise_multiplier: see `noised_second_moments`.
        seed: of that noise.
        owners: whose each image is, where a person is the unit of privacy; see `noised_second_moments`.
    """

    def __init__(
        self, features: Values, noise_multiplier: float, seed: int, owners: npt.NDArray[np.int64] | None = None
    ) -> None:
        moments = noised_second_moments(features, noise_multiplier, seed, owners)
        self._network = build_whitening(whitening(moments, noise_multiplier))

    def apply(self, features: Values) -> None:
        """See `Preprocessing`."""
        for first in range(0, len(features), BATCH):
            part = slice(first, first + BATCH)
            features[part] = self._network(features[part])

    def check(self, model: keras.Model) -> None:
        """See `Preprocessing`; it stays a layer of its own, so any classifier may follow."""

    def fold_into(self, model: keras.Model) -> keras.Model:
        """See `Preprocessing`."""
        return keras.Sequential([layers.Input(self._network.input_shape[1:]), self._network, model], name="classifier")
