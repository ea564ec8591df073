"""What ``features=scattering`` reads: scattering, reduced and evened out by what drawn images show to vary."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from mnist_etc.data.dataset import SIDE, scaled
from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.models.scattering import build_features

__all__ = ["WIDTH", "build_fixed_features"]

WIDTH = 1000
"""Features that are kept of 3,969."""
DRAWN = 2000
"""Images of each kind."""
BATCH = 128


def build_fixed_features() -> keras.Model:
    """Image ``(batch, 28, 28, 1)`` in [0, 1] to features ``(batch, 1000)`` of norm 1 that saw no data.

    The principal components of the scattering features of `draw_surrogates`, each divided by the square root of its
    deviation there, half of a whitening; then each image's features are brought to norm 1. Takes about 15 s.
    """
    from sklearn.decomposition import PCA

    scattering = build_features()
    images = scaled(draw_surrogates(DRAWN))
    firsts = range(0, len(images), BATCH)
    seen = np.concatenate([scattering(images[first : first + BATCH]).numpy() for first in firsts])
    components = PCA(WIDTH, svd_solver="randomized", iterated_power=2, random_state=0).fit(seen)
    kernel = components.components_.T * components.explained_variance_**-0.25
    projection = layers.Dense(WIDTH, kernel_initializer="zeros")
    model = keras.Sequential(
        [layers.Input((SIDE, SIDE, 1)), scattering, projection, layers.UnitNormalization()], name="fixed_features"
    )
    projection.set_weights([kernel, -components.mean_ @ kernel])
    return model
