"""A user's own dataset: ``<root>/{train,test}/<0-9>/*.{png,jpg,jpeg}``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_etc.config import Polarity
from mnist_etc.data import images
from mnist_etc.data.dataset import CLASSES, Split
from mnist_etc.errors import DataError

__all__ = ["read"]


def read(root: Path, part: str) -> Split:
    """Read ``<root>/<part>/``, where each image lies in the folder of its label.

    Raises:
        DataError: there is no such folder, no image in it, or one that cannot be read.
    """
    found = [(path, label) for label in range(CLASSES) for path in images.find(root / part / str(label))]
    if not found:
        raise DataError(
            f"Expected images in {root / part}/<0-9>/*.png or *.jpg; received none. Put them there, "
            "or pass data.root=<the folder that holds train/ and test/>."
        )
    pixels, failures = [], []
    for path, _ in found:
        try:
            pixels.append(images.read(path, Polarity.auto))
        except DataError as error:
            failures.append(error)
    if failures:
        raise DataError(f"{failures[0]} ({len(failures):,} of {len(found):,} images in {root / part} cannot be read.)")
    return Split(np.stack(pixels), np.array([label for _, label in found], np.int64))
