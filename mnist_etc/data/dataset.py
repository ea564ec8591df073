"""What every reader returns: images with their labels; and how a validation split is drawn from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.classes import DIGITS, check_names, list_names
from mnist_etc.errors import ConfigError, DataError

__all__ = [
    "DIGITS",
    "SIDE",
    "SIDES",
    "Dataset",
    "Split",
    "check_split",
    "hold_out",
    "images_sha256",
    "scale_pixels",
    "spread",
]

SIDE = 28
"""Pixels of each side of an image, where nothing else is said."""
SIDES = (8, 128)
"""The smallest and the largest side that the models take; it is a multiple of 4."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels."""

    images: NDArray[np.uint8]
    """``(n, side, side)``, a light figure on a dark ground."""
    labels: NDArray[np.int64]
    """``(n,)``: the number of each image's class, from 0 up."""
    owners: NDArray[np.int64] | None = None
    """``(n,)``: whose each image is, people numbered from 0 up; None: unknown, as it is unless ``data.owners`` says."""
    names: tuple[str, ...] = DIGITS
    """Of the classes in the order of their numbers, as the user gave them; 2 to 1,000, all different."""

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def side(self) -> int:
        """Pixels of each side of an image."""
        return int(self.images.shape[1])

    def some(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Split:
        """Those of the images that an index chooses, in its order; owners are numbered anew without a gap."""
        owners = None if self.owners is None else np.unique(self.owners[chosen], return_inverse=True)[1].reshape(-1)
        return Split(self.images[chosen], self.labels[chosen], owners, self.names)

    def renumbered(self, names: Sequence[str], source: str) -> Split:
        """The same images, their classes numbered as in ``names``, which may hold more of them.

        Args:
            names: of all classes, in the order of their new numbers.
            source: says in the message where they come from: "the model".

        Raises:
            DataError: an image is of a class that is not in ``names``.
        """
        names = tuple(names)
        if names == self.names:
            return self
        there = np.unique(self.labels)
        unknown = [self.names[label] for label in there if self.names[label] not in names]
        if unknown:
            raise DataError(
                f"Expected images of the {len(names):,} classes of {source}, {list_names(names)}; received "
                f"{int(np.isin(self.labels, [self.names.index(name) for name in unknown]).sum()):,} of "
                f"{list_names(unknown)}. Remove them, or train with them."
            )
        numbers = np.zeros(len(self.names), np.int64)
        for label in there:
            numbers[label] = names.index(self.names[label])
        return replace(self, labels=numbers[self.labels], names=names)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits; no image of the files is in two of them."""

    train: Split
    validation: Split
    test: Split
    sha256: str
    """Hexadecimal; of all images and labels in the order of the files, so the same whatever the validation split is; of
    the training images' owners too, where they are known, and of the names of classes that are not the ten digits."""
    training_sha256: str
    """Hexadecimal; of the images and labels that may be trained on alone, whoever owns them and whatever is tested."""
    people_sha256: str = ""
    """Hexadecimal; of which images of all that may be trained on are the same person's, whatever the names; empty where
    that is unknown."""
    split_sha256: str = ""
    """Hexadecimal; of which of them are validation images."""
    images_sha256: str = ""
    """Hexadecimal; of the images that may be trained on, whatever their labels: `images_sha256` in the files' order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes in the order of their numbers; the same in all splits."""
        return self.train.names

    @property
    def side(self) -> int:
        """Pixels of each side of an image; the same in all splits."""
        return self.train.side


def scale_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert pixels uint8 ``(n, side, side)`` to what the models read: float32 ``(n, side, side, 1)`` in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def spread(of: int, count: int) -> NDArray[np.int64]:
    """The places of ``count`` of so many images at even distances, all where there are fewer.

    The first ones of a folder or table are often of one class alone.
    """
    count = min(of, count)
    return np.arange(count) * of // max(count, 1)


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
        images_sha256=images_sha256(training.images),
    )


def images_sha256(images: NDArray[np.uint8]) -> str:
    """SHA-256 of images ``(n, side, side)`` in their order, hexadecimal, whatever their labels are."""
    digest = hashlib.sha256(f"{images.shape}".encode())
    digest.update(np.ascontiguousarray(images))
    return digest.hexdigest()


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
    images, labels, names = np.asarray(split.images), np.asarray(split.labels), check_names(split.names, source)
    side = images.shape[-1] if images.ndim else 0
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != side or not len(images):
        raise DataError(
            f"Expected square images of uint8 and shape (n, {SIDE}, {SIDE}) from {source}; "
            f"received {images.dtype} of shape {images.shape}. Convert them."
        )
    if not SIDES[0] <= side <= SIDES[1] or side % 4:
        raise DataError(
            f"Expected images whose side is a multiple of 4 from {SIDES[0]} to {SIDES[1]} from {source}; "
            f"received {side} x {side}. Resize them."
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise DataError(
            f"Expected {len(images):,} integer labels from {source}; "
            f"received {labels.dtype} of shape {labels.shape}. Return one for each image."
        )
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"Expected labels 0 to {len(names) - 1} from {source}; received {labels.min()} to {labels.max()}. "
            "Correct them, or name all classes: Split(images, labels, names=...)."
        )
    return Split(images, labels.astype(np.int64), _check_owners(split.owners, len(images), source), names)


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
    if splits[0].names != DIGITS:
        digest.update(json.dumps(splits[0].names).encode())
    return digest.hexdigest()
