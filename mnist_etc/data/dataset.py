"""What every reader returns: images with their labels; and how a validation split is drawn from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError, DataError

__all__ = ["CLASSES", "SIDE", "Dataset", "Split", "check_split", "hold_out", "scale_pixels"]

CLASSES = 10
SIDE = 28


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels."""

    images: NDArray[np.uint8]
    """``(n, 28, 28)``, a light figure on a dark ground."""
    labels: NDArray[np.int64]
    """``(n,)``, each in 0..9."""
    owners: NDArray[np.int64] | None = None
    """``(n,)``: whose each image is, people numbered from 0 up; None: unknown, as it is unless ``data.owners`` says."""

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def some(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Split:
        """Those of the images that an index chooses, in its order; owners are numbered anew without a gap."""
        owners = None if self.owners is None else np.unique(self.owners[chosen], return_inverse=True)[1].reshape(-1)
        return Split(self.images[chosen], self.labels[chosen], owners)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits; no image of the files is in two of them."""

    train: Split
    validation: Split
    test: Split
    sha256: str
    """Hexadecimal; of all images and labels in the order of the files, so the same whatever the validation split is; of
    the training images' owners too, where they are known."""
    training_sha256: str
    """Hexadecimal; of the images and labels that may be trained on alone, whoever owns them and whatever is tested."""
    people_sha256: str = ""
    """Hexadecimal; of which images of all that may be trained on are the same person's, whatever the names; empty where
    that is unknown."""
    split_sha256: str = ""
    """Hexadecimal; of which of them are validation images."""


def scale_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert pixels uint8 ``(n, 28, 28)`` to what the models read: float32 ``(n, 28, 28, 1)`` in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def hold_out(training: Split, test: Split, *, validation: int, seed: int) -> Dataset:
    """Hold a validation split out of the training images, drawn without replacement.

    Where owners are known, people are drawn, so that nobody has images in both: with all their images, until there are
    as many as are asked for, or a few more.

    Args:
        training: all images that may be trained on.
        test: stays as it is.
        validation: images to hold out.
        seed: of ``np.random.default_rng``, which draws them.

    Raises:
        ConfigError: the validation split would be as large as what is left to train on, or larger.
    """
    chosen = np.zeros(len(training), bool)
    generator = np.random.default_rng(seed)
    if training.owners is None:
        chosen[generator.permutation(len(training))[:validation]] = True
    else:
        counts = np.bincount(training.owners)
        people = generator.permutation(len(counts))
        last = np.searchsorted(np.cumsum(counts[people]), validation)
        chosen[np.isin(training.owners, people[: last + 1])] = True
    held_out = max(validation, int(chosen.sum()))
    if held_out >= len(training) - held_out:
        whole = "" if training.owners is None else f", which with all images of the people drawn are {held_out:,}"
        raise ConfigError(
            f"Expected data.validation below half of the {len(training):,} training images; "
            f"received {validation:,}{whole}. Pass a smaller data.validation."
        )
    return Dataset(
        train=training.some(~chosen),
        validation=training.some(chosen),
        test=test,
        sha256=_checksum(training, test),
        training_sha256=_checksum(Split(training.images, training.labels)),
        people_sha256="" if training.owners is None else _partition(training.owners),
        split_sha256=hashlib.sha256(chosen.tobytes()).hexdigest(),
    )


def check_split(split: object, source: str) -> Split:
    """Return ``split`` with its labels as int64, once its arrays are what `Split` states.

    Args:
        split: what a reader returned.
        source: names the reader in the message.

    Raises:
        DataError: states the shape and type that were expected, and those that were received.
    """
    if not isinstance(split, Split):
        raise DataError(
            f"Expected a Split from {source}; received {type(split).__name__}. Return Split(images, labels)."
        )
    images, labels = np.asarray(split.images), np.asarray(split.labels)
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise DataError(
            f"Expected images of uint8 and shape (n, {SIDE}, {SIDE}) from {source}; "
            f"received {images.dtype} of shape {images.shape}. Convert them."
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise DataError(
            f"Expected {len(images):,} integer labels from {source}; "
            f"received {labels.dtype} of shape {labels.shape}. Return one for each image."
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise DataError(
            f"Expected labels 0 to {CLASSES - 1} from {source}; "
            f"received {labels.min()} to {labels.max()}. Correct them."
        )
    return Split(images, labels.astype(np.int64), _check_owners(split.owners, len(images), source))


def _check_owners(owners: object, images: int, source: str) -> NDArray[np.int64] | None:
    if owners is None:
        return None
    numbers = np.asarray(owners)
    if numbers.dtype.kind not in "iu" or numbers.shape != (images,):
        raise DataError(
            f"Expected {images:,} integer owners from {source}; received {numbers.dtype} of shape {numbers.shape}. "
            "Return number_owners(<the name of each image's owner>)."
        )
    dense: NDArray[np.int64] = np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return dense


def _partition(owners: NDArray[np.int64]) -> str:
    """Of each owner's first image in the place of the owner, so that other names for the same people change nothing."""
    _, first, owner = np.unique(owners, return_index=True, return_inverse=True)
    return hashlib.sha256(first[owner.reshape(-1)].astype("<i8").tobytes()).hexdigest()


def _checksum(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        digest.update(f"{split.images.shape}".encode())
        digest.update(np.ascontiguousarray(split.images))
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8"))
        if split.owners is not None:
            digest.update(b"owners")
            digest.update(np.ascontiguousarray(split.owners, dtype="<i8"))
    return digest.hexdigest()
