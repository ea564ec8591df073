"""The 1,797 handwritten digits that come with scikit-learn, 8x8 scaled to 28x28, or to another side.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.config import DataConfig
from mnist_etc.data.dataset import SIDE, Split
from mnist_etc.errors import DataError

__all__ = ["read", "read_split"]

EVERY_FIFTH = 5
"""Of the digits ordered by label, and at random within a label: the test split."""
LEVELS = 16
"""The brightest value of the 8x8 images."""


def read_split(config: DataConfig, part: str) -> Split:
    """Read the part "train" or "test", as `DATASETS` calls it: ``config`` says the side alone; see `read`."""
    return read(part, config.side)


def read(part: str, side: int = SIDE) -> Split:
    """Read 1,437 digits for "train", 360 for "test"; the split is fixed and holds every label in proportion.

    Raises:
        DataError: scikit-learn's file is missing or damaged.
    """
    table = _table()
    labels = table[:, -1].astype(np.int64)
    tie_breaker = np.random.default_rng(0).random(len(labels))
    test = np.zeros(len(labels), bool)
    test[np.lexsort((tie_breaker, labels))[::EVERY_FIFTH]] = True
    chosen = {"train": ~test, "test": test}[part]
    return Split(_enlarge(table[chosen, :-1].reshape(-1, 8, 8), side), labels[chosen])


def _table() -> NDArray[np.uint8]:
    """uint8 ``(1797, 65)``: 64 pixels, then the label. Read past scikit-learn, whose import takes seconds."""
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin or "").parent / "datasets/data/digits.csv.gz" if spec else Path("sklearn")
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, np.uint8, delimiter=",")
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"scikit-learn's digits in {path} cannot be read: {error}. Install scikit-learn again."
        ) from error
    return table


def _enlarge(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    bright = np.round(images.astype(np.float32) * (255 / LEVELS)).astype(np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) for image in bright]
    )
