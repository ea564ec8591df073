"""From a user's picture to the form of the training images, or left as it is where it has that form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.images import BOX, normalize

__all__ = ["PreparedPicture", "in_form", "prepare", "prepare_all"]


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
            if picture.shape == (side, side):
                light, formed = in_form(picture[None], polarity, side)
                if formed[0]:
                    return PreparedPicture(light)
            return _extract_figures(picture, polarity, side)
        case _:
            assert_never(how)


def prepare_all(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    how: Prepare,
    polarity: Polarity = Polarity.auto,
    *,
    side: int = SIDE,
) -> list[PreparedPicture]:
    """Bring gray pictures to the form of the training images, as `prepare` does one by one.

    Those of an array that have the form already, or are taken whole at the size they have, are told all at once: some
    2 us each.

    Args:
        pictures: uint8 ``(n, height, width)``, or a list of ``(height, width)`` of any sizes.
        how: see `Prepare`.
        polarity: of the pictures; auto: found for each.
        side: pixels of each side of the images.

    Returns:
        What `prepare` returns for each.
    """
    if not isinstance(pictures, np.ndarray) or pictures.shape[1:] != (side, side) or how is Prepare.mnist:
        return [prepare(picture, how, polarity, side=side) for picture in pictures]
    if how is Prepare.none:
        return [PreparedPicture(image[None]) for image in normalize(pictures, polarity, side)]
    light, formed = in_form(pictures, polarity, side)
    return [
        PreparedPicture(light[at : at + 1]) if formed[at] else _extract_figures(pictures[at], polarity, side)
        for at in range(len(pictures))
    ]


def in_form(pictures: NDArray[np.uint8], polarity: Polarity, side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Which of ``pictures`` uint8 ``(n, side, side)`` have MNIST's form already, ``(n,)``, and these light on dark."""
    light, formed = pictures, np.zeros(len(pictures), bool)
    if polarity.dark in (None, False):
        formed = _have_form(pictures, side)
    if polarity.dark in (None, True) and not formed.all():
        rest = np.flatnonzero(~formed)
        turned = np.uint8(255) - pictures[rest]
        new = _have_form(turned, side)
        if new.any():
            light = pictures.copy()
            light[rest[new]], formed[rest[new]] = turned[new], True
    return light, formed


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


def _have_form(pictures: NDArray[np.uint8], side: int) -> NDArray[np.bool_]:
    """Which light-on-dark pictures ``(n, side, side)`` have MNIST's form.

    That is 28x28, a black ground, a box of 20, its mass in the middle; of another ``side`` all of that in proportion.
    """
    box, places, ones = BOX * side // SIDE, np.arange(side), np.ones(side, np.float32)
    flat = pictures.reshape(len(pictures), -1)
    have = np.asarray((flat.min(axis=1) == 0) & (flat.max(axis=1) >= 128))
    at = np.flatnonzero(have)
    longer = np.zeros(len(at), np.int64)
    exact = pictures[at].astype(np.float32)  # sums of bytes are, and come faster than those of whole numbers
    for ink in ((ones @ exact).astype(np.int64), (exact @ ones).astype(np.int64)):
        there = ink > 0
        length = side - there.argmax(axis=1) - there[:, ::-1].argmax(axis=1)
        longer = np.maximum(longer, length)
        have[at] &= np.abs(ink @ places / ink.sum(axis=1) - side // 2) <= side / SIDE
    have[at] &= (longer >= box - 1) & (longer <= box)
    return have
