"""What ``features=scattering`` reads: scattering and patches, evened out by what drawn images show to vary."""

from __future__ import annotations

import math
import sys

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_etc.data import surrogates
from mnist_etc.data.dataset import SIDE, scale_pixels
from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.models import patches, scattering
from mnist_etc.models.answers import answer
from mnist_etc.models.kept import kept
from mnist_etc.models.patches import build_patches, patterns
from mnist_etc.models.scattering import build_features

__all__ = ["WIDTH", "build_fixed_features"]

SCATTERING, PATCHES = 600, 400
"""Components that are kept, of 3,969 numbers by scattering, of images of 28x28, and of 2,048 by patches."""
WIDTH = SCATTERING + PATCHES
WEIGHT = 0.4
"""Of the patches' norm beside scattering's: more helps Fashion-MNIST and harms MNIST."""
DRAWN = 2000
"""Images of each kind."""


def build_fixed_features(side: int = SIDE) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to features ``(batch, 1000)`` of norm 1 that saw no data.

    The principal components of scattering and of patches on `draw_surrogates`, each divided by the square root of its
    deviation there, half of a whitening; those of either are brought to one norm. The first time takes about 10 s at a
    side of 28; see `mnist_etc.models.kept`.
    """
    inputs = layers.Input((side, side, 1))
    parts = [_evened(build_features(side), SCATTERING), _evened(build_patches(side), PATCHES)]
    weighted = layers.Rescaling(WEIGHT)(parts[1](inputs))
    both = layers.Rescaling(1 / math.hypot(1, WEIGHT))(layers.Concatenate()([parts[0](inputs), weighted]))

    def fit() -> list[npt.NDArray[np.float32]]:
        images = scale_pixels(draw_surrogates(DRAWN, side=side))
        parts[1].layers[0].set_weights(patterns(images))
        for part in parts:
            _fit(part, images)
        return [weights for part in parts for weights in part.get_weights()]

    sources = [sys.modules[__name__], patches, scattering, surrogates]
    weights = kept(f"fixed_features_{side}_{DRAWN}", sources, fit)
    count = len(parts[0].weights)
    parts[0].set_weights(weights[:count])
    parts[1].set_weights(weights[count:])
    return keras.Model(inputs, both, name="fixed_features")


def _evened(network: keras.Model, count: int) -> keras.Model:
    """Image to principal components ``(batch, count)`` of what ``network`` says of it, of norm 1; `_fit` finds them."""
    projection = layers.Dense(count, kernel_initializer="zeros")
    return keras.Sequential([layers.Input(network.input_shape[1:]), network, projection, layers.UnitNormalization()])


def _fit(evened: keras.Model, images: npt.NDArray[np.float32]) -> None:
    from sklearn.decomposition import PCA

    network, projection, _ = evened.layers
    seen = answer(network, images)
    components = PCA(projection.units, svd_solver="randomized", iterated_power=2, random_state=0).fit(seen)
    kernel = components.components_.T * components.explained_variance_**-0.25
    projection.set_weights([kernel, -components.mean_ @ kernel])
