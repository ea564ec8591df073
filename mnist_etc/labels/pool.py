"""The pool: the images whose labels may be asked, in one order that the database and the training share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import DataConfig

__all__ = ["Pool", "fingerprint", "read_pool"]


@dataclass(frozen=True, eq=False)
class Pool:
    """All images that may be trained on, in the order of their files, and their labels where the files have them."""

    images: NDArray[np.uint8]
    """``(n, side, side)``."""
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None
    """For `LabelStore.create` alone; None: nobody knows them yet."""
    dataset: str
    """`fingerprint` of the images: the ``dataset`` of `LabelStore`."""
    files: tuple[str, ...] | None = None
    """Of each image, where each has a file of its own."""


def read_pool(config: DataConfig) -> Pool:
    """SIGNATURE so far: train and validation images in one; an unlabelled folder too (data.classes names the classes)."""
    raise NotImplementedError


def fingerprint(images: NDArray[np.uint8]) -> str:
    """SHA-256 of images, hexadecimal, whatever their labels are."""
    return hashlib.sha256(f"{images.shape}".encode() + np.ascontiguousarray(images).tobytes()).hexdigest()
