"""From a picture of a figure to what the models were trained on, as MNIST's authors made their images.

LeCun, Cortes and Burges (http://yann.lecun.com/exdb/mnist/): "size normalized to fit in a 20x20 pixel box while
preserving their aspect ratio", grey by anti-aliasing, "centered in a 28x28 image by computing the center of mass".
The strokes are brought to the width that MNIST's have in that box, thin pens and broad brushes alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_etc.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.figures import find_figures
from mnist_etc.data.images import normalise
from mnist_etc.data.strokes import Mask

__all__ = ["Prepared", "prepare"]

BOX = 20
"""Pixels of a figure's longer side."""
CENTRE = 14
"""Row and column of the centre of mass."""
STROKES = (2.0, 3.2)
"""Pixels that the middle half of MNIST's strokes are wide; narrower and broader ones are brought there."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """The figures of a picture, ready for a model."""

    images: NDArray[np.uint8]
    """``(figures, 28, 28)``, light on dark, from left to right; none for an empty sheet."""
    main: int = 0
    """Which of them there is most of."""
    mismatch: tuple[float, ...] = (0.0,)
    """Of each figure, see `figures.Figure`; 0 where the picture was taken as it is."""


def prepare(picture: NDArray[np.uint8], how: Prepare, polarity: Polarity = Polarity.auto) -> Prepared:
    """Bring a grey picture uint8 ``(height, width)`` to the trained form.

    Args:
        picture: of any size.
        how: see `Prepare`.
        polarity: of the picture; auto: found for each picture.
    """
    if how is Prepare.none:
        return Prepared(normalise(picture[None], polarity))
    if how is Prepare.auto:
        for inverted, other in ((False, Polarity.dark_on_light), (True, Polarity.light_on_dark)):
            light = np.uint8(255) - picture if inverted else picture
            if polarity is not other and _has_form(light):
                return Prepared(light[None])
    figures = find_figures(picture, polarity)
    if not figures:
        return Prepared(np.empty((0, SIDE, SIDE), np.uint8), mismatch=())
    return Prepared(
        images=np.stack([_placed(figure.outline) for figure in figures]),
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
    return bool(BOX - 1 <= longer <= BOX and max(abs(place - CENTRE) for place in mass) <= 1)


def _placed(outline: Mask) -> NDArray[np.uint8]:
    """Scale, thin or thicken, and centre."""
    rows, columns = (np.flatnonzero(outline.any(axis=axis)) for axis in (1, 0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    width = _stroke_width(outline)
    wanted = float(np.clip(width * BOX / longer, *STROKES))
    scale = min((BOX - wanted) / max(longer - width, 1), BOX / (0.6 * longer))
    grown = (wanted / scale - width) / 2
    margin = int(abs(grown)) + 2
    wide = np.pad(outline, margin)
    distance = ndimage.distance_transform_edt(~wide) - ndimage.distance_transform_edt(wide)
    covered = np.clip(0.5 - (distance - np.sign(distance) / 2 - grown), 0, 1).astype(np.float32)
    rows, columns = (np.flatnonzero(covered.max(axis=axis) > 0.5) for axis in (1, 0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    size = [min(BOX, max(1, round((last - first) * scale))) for first, last in (box[::2], box[1::2])]
    figure = np.asarray(Image.fromarray(covered).resize(tuple(size), Image.Resampling.BOX, box))
    mass = ndimage.center_of_mass(figure)
    top, left = (
        min(max(round(CENTRE - place), 0), SIDE - length) for place, length in zip(mass, figure.shape, strict=True)
    )
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + figure.shape[0], left : left + figure.shape[1]] = np.rint(255 * figure.clip(0, 1))
    return image


def _stroke_width(outline: Mask) -> float:
    """Pixels: twice the median distance of the strokes' middle from their edge."""
    distance = ndimage.distance_transform_edt(np.pad(outline, 1))
    middle = (distance >= ndimage.maximum_filter(distance, 3)) & (distance > 0)
    return max(1.0, 2 * float(np.median(distance[middle])) - 0.5)
