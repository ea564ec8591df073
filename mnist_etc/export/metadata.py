"""What an ONNX file says of itself: its ``metadata_props``, so that it is known without its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.artifacts.checkout import git_commit
from mnist_etc.predictor import to_metadata

if TYPE_CHECKING:
    import keras

__all__ = ["COMMIT", "EPSILON", "WEIGHTS", "describe", "weights_sha256"]

WEIGHTS, EPSILON, COMMIT = "weights_sha256", "epsilon", "git_commit"
"""Keys beside `mnist_etc.predictor.CLASSES` and `mnist_etc.policy.graph.POLICY`."""


def describe(model: keras.Model, *, classes: Sequence[str] | None, epsilon: float | None) -> dict[str, str]:
    """The metadata of the ONNX file of ``model``.

    Args:
        model: whose weights the file holds.
        classes: names of the classes in the order of the output; None: it does not classify.
        epsilon: of the guarantee for the training images; None, written as ``null``: there is none.
    """
    return {
        WEIGHTS: weights_sha256(model),
        EPSILON: json.dumps(epsilon),
        COMMIT: git_commit() or "null",
        **(to_metadata(classes) if classes is not None else {}),
    }


def weights_sha256(model: keras.Model) -> str:
    """The hexadecimal SHA-256 of all weights, in the order of ``model.weights``, whatever file or graph holds them.

    Each counts as its dtype and shape in words, such as ``float32(3, 3, 1, 8)``, then its values, little-endian.
    """
    digest = hashlib.sha256()
    for weight in model.weights:
        values = np.asarray(weight)
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
