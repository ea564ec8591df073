"""From a user's picture to the form of the training images, or left as it is where it has that form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.images import BOX, normalize

__all__ = ["PreparedPicture", "prepare"]


@dataclass(frozen=True, eq=False)
class PreparedPicture:
    """The figures of a picture, ready for a model."""

    images: NDArray[np.uint8]
    """``(figures, side, side)``, light on dark, from left to right; none for an empty sheet."""
    main: int = 0
    """Which of them there is most of."""
    mismatch: tuple[float, ...] = (0.0,)
    """Of each figure, see `figures.Figure`; 0 where the picture was taken as it is."""


def prepare(
    picture: NDArray[np.uint8], how: Prepare, polarity: Polarity = Polarity.auto, *, side: int = SIDE
) -> PreparedPicture:
    """Bring a gray picture to the form of the training images.

    Args:
        picture: uint8 ``(height, width)`` of any size.
        how: see `Prepare`.
        polarity: of the picture; auto: found for each picture.
        side: pixels of each side of the images; where it is not 28, MNIST's form is scaled to it.

    Returns:
        The figures uint8 ``(figures, side, side)``, light on dark, and how much each looks like what a pen writes.
    """
    match how:
        case Prepare.none:
            return PreparedPicture(normalize(picture[None], polarity, side))
        case Prepare.mnist:
            return _extract_figures(picture, polarity, side)
        case Prepare.auto:
            for dark in (False, True):
                light = np.uint8(255) - picture if dark else picture
                if polarity.dark in (None, dark) and _has_form(light, side):
                    return PreparedPicture(light[None])
            return _extract_figures(picture, polarity, side)
        case _:
            assert_never(how)


def _extract_figures(picture: NDArray[np.uint8], polarity: Polarity, side: int) -> PreparedPicture:
    from mnist_etc.data.figures import find_figures  # SciPy: 0.2 s
    from mnist_etc.data.placement import place_figure

    figures = find_figures(picture, polarity)
    if not figures:
        return PreparedPicture(np.empty((0, side, side), np.uint8), mismatch=())
    return PreparedPicture(
        images=np.stack([place_figure(figure.outline, side) for figure in figures]),
        main=int(np.argmax([figure.ink for figure in figures])),
        mismatch=tuple(figure.mismatch for figure in figures),
    )


def _has_form(picture: NDArray[np.uint8], side: int) -> bool:
    """Whether a light-on-dark picture has MNIST's form: 28x28, a black ground, a box of 20, its mass in the middle.

    Of another ``side`` all of that in proportion.
    """
    if picture.shape != (side, side) or picture.min() > 0 or picture.max() < 128:
        return False
    by_row, by_column = picture.sum(axis=1, dtype=np.int64), picture.sum(axis=0, dtype=np.int64)
    longer = max(int(np.ptp(np.flatnonzero(line))) + 1 for line in (by_row, by_column))
    mass = [line @ np.arange(side) / line.sum() for line in (by_row, by_column)]
    box = BOX * side // SIDE
    return bool(box - 1 <= longer <= box and max(abs(place - side // 2) for place in mass) <= side / SIDE)
