"""What ``features=scattering`` reads: scattering and patches, evened out by what drawn images show to vary."""

from __future__ import annotations

import math

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from mnist_etc.data.dataset import SIDE, scale_pixels
from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.models.patches import build_patches
from mnist_etc.models.scattering import build_features

__all__ = ["WIDTH", "build_fixed_features"]

SCATTERING, PATCHES = 600, 400
"""Components that are kept, of 3,969 numbers by scattering, of images of 28x28, and of 2,048 by patches."""
WIDTH = SCATTERING + PATCHES
WEIGHT = 0.4
"""Of the patches' norm beside scattering's: more helps Fashion-MNIST and harms MNIST."""
DRAWN = 2000
"""Images of each kind."""
BATCH = 128


def build_fixed_features(side: int = SIDE) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to features ``(batch, 1000)`` of norm 1 that saw no data.

    The principal components of scattering and of patches on `draw_surrogates`, each divided by the square root of its
    deviation there, half of a whitening; those of either are brought to one norm. Takes about 20 s at a side of 28.
    """
    images = scale_pixels(draw_surrogates(DRAWN, side=side))
    inputs = layers.Input((side, side, 1))
    scattering = _evened(build_features(side), images, SCATTERING)(inputs)
    patches = layers.Rescaling(WEIGHT)(_evened(build_patches(images), images, PATCHES)(inputs))
    both = layers.Rescaling(1 / math.hypot(1, WEIGHT))(layers.Concatenate()([scattering, patches]))
    return keras.Model(inputs, both, name="fixed_features")


def _evened(network: keras.Model, images: npt.NDArray[np.float32], count: int) -> keras.Model:
    """Image to the principal components ``(batch, count)`` of what ``network`` says of images, of norm 1."""
    from sklearn.decomposition import PCA

    firsts = range(0, len(images), BATCH)
    seen = np.concatenate([network(images[first : first + BATCH]).numpy() for first in firsts])
    components = PCA(count, svd_solver="randomized", iterated_power=2, random_state=0).fit(seen)
    kernel = components.components_.T * components.explained_variance_**-0.25
    projection = layers.Dense(count, kernel_initializer="zeros")
    model = keras.Sequential([layers.Input(images.shape[1:]), network, projection, layers.UnitNormalization()])
    projection.set_weights([kernel, -components.mean_ @ kernel])
    return model
