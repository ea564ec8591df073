"""From a user's picture to the form of the training images, or left as it is where it has that form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.images import BOX, CENTER, normalize

__all__ = ["PreparedPicture", "prepare"]


@dataclass(frozen=True, eq=False)
class PreparedPicture:
    """The figures of a picture, ready for a model."""

    images: NDArray[np.uint8]
    """``(figures, 28, 28)``, light on dark, from left to right; none for an empty sheet."""
    main: int = 0
    """Which of them there is most of."""
    mismatch: tuple[float, ...] = (0.0,)
    """Of each figure, see `figures.Figure`; 0 where the picture was taken as it is."""


def prepare(picture: NDArray[np.uint8], how: Prepare, polarity: Polarity = Polarity.auto) -> PreparedPicture:
    """Bring a gray picture to the form of the training images.

    Args:
        picture: uint8 ``(height, width)`` of any size.
        how: see `Prepare`.
        polarity: of the picture; auto: found for each picture.

    Returns:
        The figures uint8 ``(figures, 28, 28)``, light on dark, and how much each looks like what a pen writes.
    """
    match how:
        case Prepare.none:
            return PreparedPicture(normalize(picture[None], polarity))
        case Prepare.mnist:
            return _extract_figures(picture, polarity)
        case Prepare.auto:
            for dark in (False, True):
                light = np.uint8(255) - picture if dark else picture
                if polarity.dark in (None, dark) and _has_form(light):
                    return PreparedPicture(light[None])
            return _extract_figures(picture, polarity)
        case _:
            assert_never(how)


def _extract_figures(picture: NDArray[np.uint8], polarity: Polarity) -> PreparedPicture:
    from mnist_etc.data.figures import find_figures  # SciPy: 0.2 s
    from mnist_etc.data.placement import place_figure

    figures = find_figures(picture, polarity)
    if not figures:
        return PreparedPicture(np.empty((0, SIDE, SIDE), np.uint8), mismatch=())
    return PreparedPicture(
        images=np.stack([place_figure(figure.outline) for figure in figures]),
        main=int(np.argmax([figure.ink for figure in figures])),
        mismatch=tuple(figure.mismatch for figure in figures),
    )


def _has_form(picture: NDArray[np.uint8]) -> bool:
    """Whether a light-on-dark picture has MNIST's form: 28x28, a black ground, a box of 20, its mass in the middle."""
    if picture.shape != (SIDE, SIDE) or picture.min() > 0 or picture.max() < 128:
        return False
    by_row, by_column = picture.sum(axis=1, dtype=np.int64), picture.sum(axis=0, dtype=np.int64)
    longer = max(int(np.ptp(np.flatnonzero(line))) + 1 for line in (by_row, by_column))
    mass = [line @ np.arange(SIDE) / line.sum() for line in (by_row, by_column)]
    return bool(BOX - 1 <= longer <= BOX and max(abs(place - CENTER) for place in mass) <= 1)
