"""Strokes on paper: the ground under them, whatever its tint and shade, and the ink above it.

Black-hat and white-hat transforms (Serra, "Image Analysis and Mathematical Morphology", 1982): what a closing fills is
a dark stroke, what an opening removes a light one; broad shadows, tinted paper and wide black borders stay ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["EIGHT", "Gray", "Mask", "Strokes", "find_strokes", "keep_connected", "remove_ruling"]

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]
EIGHT = np.ones((3, 3), bool)
"""Neighbors of a pixel, corners included."""
BROADEST = 0.28
"""Of the sheet's longer side: what is broader than that is ground."""
FAINT, STRONG = 0.3, 0.5
"""Of the strokes' contrast: a stroke is all above the first that is connected to anything above the second."""
BRIGHTEST = 0.004
"""Part of the sheet by which the strokes' contrast is measured."""
LEAST_CONTRAST = 14
"""Gray levels."""
TIMES_NOISE = 6
SMALL = 60
"""Pixels of a side: a smaller sheet is neither smoothed nor searched for ruling."""
TILTS = np.tan(np.deg2rad(np.arange(-6, 7)))
SPAN = 0.93
"""Of a side: a ruled line is at least as long."""


@dataclass(frozen=True, eq=False)
class Strokes:
    """What is drawn on a sheet; its arrays have the shape of the sheet, ``(height, width)``."""

    ground: Gray
    """Gray level of the paper."""
    ink: Gray
    """0 on paper, about 1 in a stroke."""
    mask: Mask
    """Where strokes are."""


def find_strokes(sheet: Gray, *, dark: bool, without: Mask | None = None) -> Strokes | None:
    """Find the strokes that are darker, or lighter, than the paper around them.

    Args:
        sheet: gray levels 0 to 255, ``(height, width)``.
        dark: look for dark strokes on light ground, else for light ones on dark ground.
        without: pixels that do not count, since they are known to be something else.

    Returns:
        The strokes; None on an empty sheet.
    """
    broad = max(3, int(BROADEST * max(sheet.shape)) | 1)
    smooth = ndimage.gaussian_filter(sheet, 0.8) if min(sheet.shape) > SMALL else sheet
    extreme, close = (
        (ndimage.maximum_filter, ndimage.grey_closing) if dark else (ndimage.minimum_filter, ndimage.grey_opening)
    )
    around = np.pad(extreme(smooth, broad // 2 | 1, mode="nearest"), broad, mode="edge")
    around[broad:-broad, broad:-broad] = smooth
    ground = close(around, (broad, broad), mode="nearest")[broad:-broad, broad:-broad]
    above = ground - smooth if dark else smooth - ground
    if without is not None:
        above = np.where(without, np.float32(0), above)
    offset = np.percentile(above, 25)
    steps = np.abs(np.diff(above.ravel()))
    noise = 0.5 + 1.05 * (np.median(steps) if steps.size else 0)
    above = above - offset
    count = min(above.size, max(12, int(above.size * BRIGHTEST)))
    contrast = float(np.partition(above.ravel(), above.size - count)[above.size - count :].mean())
    if contrast < max(LEAST_CONTRAST, TIMES_NOISE * noise):
        return None
    mask = keep_connected(above > max(FAINT * contrast, 3 * noise), above > STRONG * contrast)
    return Strokes(
        ground=ground - np.float32(offset if dark else -offset),
        ink=np.clip(above / contrast, 0, None),
        mask=mask,
    )


def keep_connected(weak: Mask, strong: Mask) -> Mask:
    """Keep the connected parts of ``weak`` that hold a pixel of ``strong`` (hysteresis; Canny 1986)."""
    parts, count = ndimage.label(weak, EIGHT)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(parts[strong & weak])] = True
    kept[0] = False
    return np.asarray(kept[parts])


def remove_ruling(mask: Mask) -> Mask:
    """Remove thin lines across the whole sheet, tilted by up to 6 degrees; strokes that they cross are mended."""
    if min(mask.shape) < SMALL:
        return mask
    lines = _find_lines(mask) | _find_lines(mask.T).T
    if not lines.any():
        return mask
    rest = mask & ~lines
    reach = 7
    padded = np.pad(rest, reach)
    for shape in ((reach, 1), (1, reach)):
        rest |= lines & ndimage.binary_closing(padded, np.ones(shape))[reach:-reach, reach:-reach]
    return rest


def _find_lines(mask: Mask) -> Mask:
    """Thin lines from the left to the right of the sheet."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    if np.mean(mask.any(axis=0)) < SPAN:
        return found
    grown = ndimage.maximum_filter1d(mask.astype(np.uint8), 3, axis=0)
    columns = np.arange(width)
    for tilt in TILTS:
        rows = np.arange(height)[:, None] + np.rint(tilt * (columns - width / 2)).astype(int)
        inside = (rows >= 0) & (rows < height)
        sheared = np.where(inside, grown[rows.clip(0, height - 1), columns], 0)
        runs = ndimage.minimum_filter1d(sheared, int(SPAN * width), axis=1, mode="constant")
        runs = ndimage.maximum_filter1d(runs, int(SPAN * width), axis=1, mode="constant") > 0
        here = runs & inside
        found[rows[here], np.broadcast_to(columns, rows.shape)[here]] = True
    thick = 2 * max(2, round(0.012 * max(mask.shape))) + 3
    return np.asarray(found & ~ndimage.binary_opening(found, np.ones((thick, 1))) & mask)
