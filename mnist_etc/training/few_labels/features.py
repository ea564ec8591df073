"""What the first questions are chosen by, and the regression reads: components of features that saw no label."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from mnist_etc.data.dataset import scale_pixels, spread

__all__ = ["components", "fixed_features"]

FITTED = 10_000
"""Images that components are fitted to, at even distances."""
BATCH = 128
"""Images at a time; scattering is fastest from 32 to 128."""
Array = npt.NDArray[np.float32]
Network = Callable[[Array], Array]
"""Images ``(batch, side, side, 1)`` in [0, 1] to features ``(batch, n)``."""


def fixed_features(images: npt.NDArray[np.uint8], count: int) -> Array:
    """The first components ``(n, count)`` of the scattering of images uint8 ``(n, side, side)``; see `components`."""
    from mnist_etc.models.scattering import build_features

    network = build_features(images.shape[1])
    return components(lambda batch: network(batch).numpy(), images, count)


def components(network: Network, images: npt.NDArray[np.uint8], count: int) -> Array:
    """Principal components of what ``network`` makes of images, each over the fourth root of its variance.

    That is half of a whitening: a full one makes noise of the last components, none leaves the first alone to decide.
    They are brought to a mean square of 1 in all, so that one strength of regularization serves any features.

    Returns:
        ``(n, count)``, fewer where there are fewer features or images.
    """
    from sklearn.decomposition import PCA

    seen = _applied(network, images[spread(len(images), FITTED)])
    count = min(count, *seen.shape)
    found = PCA(count, svd_solver="randomized", iterated_power=3, random_state=0).fit(seen)
    kept = found.explained_variance_ > 0
    roots = np.sqrt(found.explained_variance_[kept])
    kernel = (found.components_[kept].T / np.sqrt(roots * roots.sum())).astype(np.float32)
    shift = found.mean_ @ kernel
    return _applied(lambda batch: network(batch) @ kernel - shift, images)


def _applied(network: Network, images: npt.NDArray[np.uint8]) -> Array:
    firsts = range(0, len(images), BATCH)
    return np.concatenate([network(scale_pixels(images[first : first + BATCH])) for first in firsts])


def of(model: keras.Model) -> Network:
    """A network as `components` calls it, compiled once."""
    import tensorflow as tf

    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    return lambda batch: call(tf.constant(batch)).numpy()
