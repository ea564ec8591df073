"""What questions are chosen by and the regression reads: components of features, made without a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_etc.data.dataset import scale_pixels, spread

if TYPE_CHECKING:
    import keras

__all__ = ["Components", "Network", "applied", "compiled", "scattering"]

FITTED = 10_000
"""Images that components are fitted to, at even distances."""
BATCH = 128
"""Images at a time; scattering is fastest from 32 to 128."""
Array = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]
Network = Callable[[Array], Array]
"""Images ``(batch, side, side, 1)`` in [0, 1] to features ``(batch, n)``."""


class Components:
    """Principal components of what a network makes of images, each over the fourth root of its variance.

    That is half of a whitening: a full one makes noise of the last components, none lets the first alone decide. Their
    squares sum to 1 on the mean, so that one strength of regularization serves any features.

    Args:
        network: whose features.
        images: uint8 ``(n, side, side)`` that the components are fitted to; none of a test split.
        count: how many, fewer where there are fewer features or images.
    """

    def __init__(self, network: Network, images: Images, count: int) -> None:
        from sklearn.decomposition import PCA

        seen = applied(network, images[spread(len(images), FITTED)])
        found = PCA(min(count, *seen.shape), svd_solver="randomized", iterated_power=3, random_state=0).fit(seen)
        kept = found.explained_variance_ > found.explained_variance_[0] * 1e-6
        roots = np.sqrt(found.explained_variance_[kept])
        self._network = network
        self._kernel = (found.components_[kept].T / np.sqrt(roots * roots.sum())).astype(np.float32)
        self._shift = found.mean_ @ self._kernel

    def of(self, images: Images) -> Array:
        """Components ``(n, count)`` of images uint8 ``(n, side, side)``."""
        return applied(lambda batch: self._network(batch) @ self._kernel - self._shift, images)


def scattering(side: int) -> Network:
    """The scattering of an image, which saw no data."""
    from mnist_etc.models.scattering import build_features

    network = build_features(side)
    return lambda batch: np.asarray(network(batch))


def compiled(model: keras.Model) -> Network:
    """What ``model`` answers with the weights that it has by then, in one graph."""
    import tensorflow as tf

    batches = tf.TensorSpec(model.input_shape, tf.float32)
    call = tf.function(lambda batch: model(batch, training=False), input_signature=[batches])
    return lambda batch: np.asarray(call(tf.constant(batch)))


def applied(network: Network, images: Images) -> Array:
    """What ``network`` makes of images uint8 ``(n, side, side)``."""
    firsts = range(0, len(images), BATCH)
    return np.concatenate([network(scale_pixels(images[first : first + BATCH])) for first in firsts])
