"""Patches: how much of each of some small patterns an image shows, and where; the patterns come from drawn images.

Coates, Ng and Lee 2011 (AISTATS, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning"), with patches
drawn by chance for patterns, as Coates and Ng 2011 (ICML, "The Importance of Encoding Versus Training") found to do.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

__all__ = ["PATTERNS", "Patches", "build_patches", "patterns"]

PATTERNS = 128
SIZE = 5
"""Of a patch: 24 times 24 of them lie in an image of 28x28."""
CELLS = 4
"""Along each side; the responses in one are averaged, 6x6 of an image of 28x28."""
CONTRAST = 0.01
"""Added to the variance of a patch, so that faint ones stay faint."""
RIDGE = 0.1
"""Added to the variance of the patches along each direction."""
THRESHOLD = 0.25
"""What a response has to exceed."""
SEEN = 400
"""Images that patches are taken from."""
TAKEN = 60_000
LEAST_DEVIATION = 0.05
"""Of the pixels of a patch that is taken."""
Values = npt.NDArray[np.float32]


@keras.saving.register_keras_serializable("mnist_etc")
class Patches(layers.Layer):  # type: ignore[misc]
    """How much an image shows of each pattern in each of 4 times 4 cells: ``(batch, 4, 4, patterns)``.

    A patch's mean is taken off, and it is divided by its deviation; the root of a cell's mean response is returned.
    Its weights are set, and not trained.

    Args:
        words: what `keras.layers.Layer` takes.
    """

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.kernel = self.add_weight(shape=(SIZE, SIZE, 1, PATTERNS), name="kernel", trainable=False)
        self.bias = self.add_weight(shape=(PATTERNS,), name="bias", trainable=False)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of images ``(batch, height, width, 1)`` in [0, 1]."""
        cell = (inputs.shape[1] - SIZE + 1) // CELLS
        mean = ops.average_pool(inputs, SIZE, 1, "valid")
        variance = ops.average_pool(ops.square(inputs), SIZE, 1, "valid") - ops.square(mean)
        deviation = ops.sqrt(ops.maximum(variance, 0.0) + CONTRAST)
        responses = ops.relu(ops.conv(inputs, self.kernel, 1, "valid") / deviation + self.bias)
        return ops.sqrt(ops.average_pool(responses, cell, cell, "valid"))


def build_patches(side: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1], the side a multiple of 4, to features ``(batch, 2048)``; not fitted.

    Its weights are set to what `patterns` returns.
    """
    return keras.Sequential([layers.Input((side, side, 1)), Patches(), layers.Flatten()], name="patches")


def patterns(images: Values, seed: int = 0) -> list[Values]:
    """The weights of `build_patches`: patterns that were taken from images ``(n, side, side, 1)`` in [0, 1].

    Args:
        images: where from.
        seed: which ones.
    """
    generator = np.random.default_rng(seed)
    seen = generator.choice(len(images), min(SEEN, len(images)), replace=False)
    windows = np.lib.stride_tricks.sliding_window_view(images[seen], (1, SIZE, SIZE, 1))
    patches = windows.reshape(-1, SIZE**2)
    patches = patches[patches.std(axis=1) > LEAST_DEVIATION]
    patches = patches[generator.choice(len(patches), TAKEN)]
    patches = patches - patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(np.square(patches).mean(axis=1, keepdims=True) + CONTRAST)
    center = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(patches.T))
    whitening = (vectors * (values + RIDGE) ** -0.5) @ vectors.T
    taken = (patches[generator.choice(len(patches), PATTERNS, replace=False)] - center) @ whitening
    taken /= np.linalg.norm(taken, axis=1, keepdims=True)
    kernel = whitening @ taken.T
    return [(kernel - kernel.mean(axis=0)).reshape(SIZE, SIZE, 1, PATTERNS), -center @ kernel - THRESHOLD]
