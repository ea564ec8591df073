"""Pictures of what the autoencoder makes of one image of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_etc.files import inside, temporary

__all__ = ["first_of_each_class", "write_pairs"]

ZOOM = 4
GAP = 4


def first_of_each_class(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Index of the first image of every class that occurs, by class."""
    return np.unique(labels, return_index=True)[1]


def write_pairs(
    folder: Path,
    labels: npt.NDArray[np.int64],
    originals: npt.NDArray[np.float32],
    rebuilt: npt.NDArray[np.float32],
) -> None:
    """Write ``orig_<digit>.png`` and ``rec_<digit>.png`` for each image, and all of them as ``sheet.png``.

    Args:
        folder: where to.
        labels: ``(n,)``.
        originals: ``(n, 28, 28, 1)`` in [0, 1]; upper row of the sheet.
        rebuilt: the same shape; clipped to [0, 1]; lower row.
    """
    rows = [_bytes(originals), _bytes(rebuilt)]
    for name, row in zip(("orig", "rec"), rows, strict=True):
        for label, image in zip(labels, row, strict=True):
            _write(inside(folder, f"{name}_{label}.png"), image)
    height, width = (side * ZOOM + GAP for side in rows[0].shape[1:])
    sheet = np.full((2 * height + GAP, len(labels) * width + GAP), 96, np.uint8)
    for line, row in enumerate(rows):
        for column, image in enumerate(row):
            top, left = GAP + line * height, GAP + column * width
            sheet[top : top + height - GAP, left : left + width - GAP] = image.repeat(ZOOM, 0).repeat(ZOOM, 1)
    _write(inside(folder, "sheet.png"), sheet)


def _bytes(images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = np.rint(np.clip(images[..., 0], 0, 1) * 255).astype(np.uint8)
    return pixels


def _write(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    with temporary(path) as unfinished:
        Image.fromarray(pixels).save(unfinished)
