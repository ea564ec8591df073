"""The best linear use of as many numbers as an answer has: no attack, but what they could hold of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["principal_components"]

Images = NDArray[np.float32]


def principal_components(images: Images, targets: Images, components: int) -> Images:
    """``targets`` ``(t, side, side)`` through as many numbers each, by the principal components of ``images``."""
    from sklearn.decomposition import PCA

    model = PCA(components, svd_solver="randomized", random_state=0).fit(images.reshape(len(images), -1))
    rebuilt = model.inverse_transform(model.transform(targets.reshape(len(targets), -1)))
    return np.asarray(np.clip(rebuilt, 0, 1), np.float32).reshape(targets.shape)
