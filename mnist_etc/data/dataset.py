"""What every reader gives: images with their labels, cut into train, validation and test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError

__all__ = ["CLASSES", "SIDE", "Dataset", "Split", "cut", "scaled"]

CLASSES = 10
SIDE = 28


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 ``(n, 28, 28)``, light figure on dark ground, and their labels int64 ``(n,)`` in 0..9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits without a common image position."""

    train: Split
    validation: Split
    test: Split
    sha256: str
    """Of all images and labels in the order of the files, so the same whatever the validation split is."""


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 ``(n, 28, 28)`` to float32 ``(n, 28, 28, 1)`` in [0, 1], what the models read."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def cut(training: Split, test: Split, *, validation: int, seed: int) -> Dataset:
    """Draw ``validation`` of the training images, without replacement, with ``np.random.default_rng(seed)``.

    Raises:
        ConfigError: the validation split would be as large as what is left to train on, or larger.
    """
    left = len(training) - validation
    if validation >= left:
        raise ConfigError(
            f"Expected data.validation below half of the {len(training):,} training images; "
            f"received {validation:,}. Pass a smaller data.validation."
        )
    chosen = np.zeros(len(training), bool)
    chosen[np.random.default_rng(seed).permutation(len(training))[:validation]] = True
    return Dataset(
        train=Split(training.images[~chosen], training.labels[~chosen]),
        validation=Split(training.images[chosen], training.labels[chosen]),
        test=test,
        sha256=_checksum(training, test),
    )


def _checksum(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        digest.update(f"{split.images.shape}".encode())
        digest.update(np.ascontiguousarray(split.images))
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8"))
    return digest.hexdigest()
