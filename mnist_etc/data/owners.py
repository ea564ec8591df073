"""Whose each training image is: what lets a person, and not an image, be the unit of privacy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import Split
from mnist_etc.errors import DataError

__all__ = ["keep_per_owner", "number_owners", "read_owners"]

LIMIT = 2**28
"""Bytes of a file of owners."""
Numbers = NDArray[np.int64]


def read_owners(path: Path, images: int) -> Numbers:
    """Read a file of owners: text in UTF-8, a line for each training image in the order in which they are read.

    Args:
        path: of the file.
        images: how many there are.

    Returns:
        ``(images,)``: see `number_owners`. The names themselves are kept nowhere.

    Raises:
        DataError: the file is missing, no text, too large, of another number of lines, or a line is empty.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        names = [line.strip() for line in content.decode("utf-8-sig").split("\n")]
    except OSError as error:
        raise DataError(
            f"Expected a file of owners in {path}; received {error.strerror}. Correct data.owners."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected text in UTF-8 in {path}; received bytes of another kind. Save it as such."
        ) from error
    if len(content) > LIMIT:
        raise DataError(f"Expected at most {LIMIT:,} bytes of owners in {path}; received more. Use shorter names.")
    if names[-1] == "":
        names.pop()
    if len(names) != images:
        raise DataError(
            f"Expected {images:,} lines in {path}, an owner for each training image; received {len(names):,}. "
            "Write one line an image, in the order of the files."
        )
    if "" in names:
        raise DataError(
            f"Expected an owner in each line of {path}; received an empty line {names.index('') + 1:,}. Name someone."
        )
    return number_owners(names)


def number_owners(names: Sequence[str]) -> Numbers:
    """Replace names by numbers from 0 up, without a gap, equal ones by equal numbers.

    Args:
        names: of the owner of each image.
    """
    numbers: Numbers = np.unique(np.asarray(names), return_inverse=True)[1].reshape(-1).astype(np.int64)
    return numbers


def keep_per_owner(split: Split, images: int) -> Split:
    """Keep so many images of each person at most.

    Which ones depends on that person's images alone, as the guarantee needs it: those of the least sha256 of pixels and
    label.

    Args:
        split: with owners.
        images: of each person, 1 or more.

    Returns:
        The images that are kept, in their order; the owners keep their numbers, and none is without an image.
    """
    assert split.owners is not None
    kept = np.ones(len(split), np.bool_)
    order = np.argsort(split.owners, kind="stable")
    _, starts = np.unique(split.owners[order], return_index=True)
    for own in np.split(order, starts[1:]):
        if len(own) > images:
            kept[sorted(own, key=lambda index: _digest(split, index))[images:]] = False
    return split.some(kept)


def _digest(split: Split, index: int) -> bytes:
    return hashlib.sha256(split.images[index].tobytes() + split.labels[index].tobytes()).digest()
