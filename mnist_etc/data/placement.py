"""From a picture of a figure to what the models were trained on, as MNIST's authors made their images.

LeCun, Cortes and Burges (http://yann.lecun.com/exdb/mnist/): "size normalized to fit in a 20x20 pixel box while
preserving their aspect ratio", gray by anti-aliasing, "centered in a 28x28 image by computing the center of mass".
The strokes are brought to the width that MNIST's have in that box, thin pens and broad brushes alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_etc.data.dataset import SIDE
from mnist_etc.data.images import BOX
from mnist_etc.data.strokes import Mask

__all__ = ["place_figure"]

STROKES = (2.0, 3.2)
"""Pixels that the middle half of MNIST's strokes are wide; narrower and broader ones are brought there."""


def place_figure(outline: Mask, side: int = SIDE) -> NDArray[np.uint8]:
    """Draw a figure as MNIST's are: scaled into a box of 20x20, strokes 2 to 3.2 pixels wide, its mass in the center.

    Args:
        outline: bool ``(height, width)`` of any size, true inside the strokes, at least one of them.
        side: of the image; box and strokes are in proportion to it.

    Returns:
        uint8 ``(side, side)``, light on dark.
    """
    rows, columns = (np.flatnonzero(outline.any(axis=axis)) for axis in (1, 0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    width, limit = _stroke_width(outline), BOX * side // SIDE
    wanted = float(np.clip(width * limit / longer, STROKES[0] * side / SIDE, STROKES[1] * side / SIDE))
    scale = min((limit - wanted) / max(longer - width, 1), limit / (0.6 * longer))
    grown = (wanted / scale - width) / 2
    margin = int(abs(grown)) + 2
    wide = np.pad(outline, margin)
    distance = ndimage.distance_transform_edt(~wide) - ndimage.distance_transform_edt(wide)
    covered = np.clip(0.5 - (distance - np.sign(distance) / 2 - grown), 0, 1).astype(np.float32)
    rows, columns = (np.flatnonzero(covered.max(axis=axis) > 0.5) for axis in (1, 0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    size = [min(limit, max(1, round((last - first) * scale))) for first, last in (box[::2], box[1::2])]
    resampling = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BILINEAR
    figure = np.asarray(Image.fromarray(covered).resize(tuple(size), resampling, box))
    mass = ndimage.center_of_mass(figure)
    top, left = (
        min(max(round(side // 2 - place), 0), side - length) for place, length in zip(mass, figure.shape, strict=True)
    )
    image = np.zeros((side, side), np.uint8)
    image[top : top + figure.shape[0], left : left + figure.shape[1]] = np.rint(255 * figure.clip(0, 1))
    return image


def _stroke_width(outline: Mask) -> float:
    """Pixels: twice the median distance of the strokes' middle from their edge."""
    distance = ndimage.distance_transform_edt(np.pad(outline, 1))
    middle = (distance >= ndimage.maximum_filter(distance, 3)) & (distance > 0)
    return max(1.0, 2 * float(np.median(distance[middle])) - 0.5)
