"""Connected strokes, told from frames, boxes and dirt, and joined to figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mnist_etc.data.strokes import EIGHT, Mask, Strokes

__all__ = ["Group", "Part", "box_of", "find_parts", "group_parts", "ink_of", "side_of", "sort_parts"]

BORDER = 0.75
"""Of a side of the picture: what covers more of it is a frame or a bar."""
SPECK = 0.02
"""Of the heaviest part's ink, or of the picture's side: less is dirt."""
PART = 0.15
"""Of the main figure's ink: a figure beside it has more."""
BESIDE = 0.35
"""Of the main figure's size: a figure beside it is larger."""


@dataclass(frozen=True, eq=False)
class Part:
    """Strokes of a sheet that are connected."""

    number: int
    """Of its pixels in the labels of `find_parts`."""
    rows: slice
    columns: slice
    shape: Mask
    ink: float

    @property
    def height(self) -> int:
        """Of its box, in pixels."""
        return int(self.rows.stop - self.rows.start)

    @property
    def width(self) -> int:
        """Of its box, in pixels."""
        return int(self.columns.stop - self.columns.start)

    @property
    def side(self) -> int:
        """Pixels of the longer side."""
        return max(self.height, self.width)


Group = list[Part]


def find_parts(strokes: Strokes, mask: Mask) -> tuple[NDArray[np.int32], list[Part]]:
    """Label the connected parts of ``mask``.

    Returns:
        The number of its part in each pixel ``(height, width)``, 0 on the ground; and the parts.
    """
    labels, _ = ndimage.label(mask, EIGHT)
    parts = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        shape = labels[rows, columns] == number
        parts.append(Part(number, rows, columns, shape, float(strokes.ink[rows, columns][shape].sum())))
    return labels, parts


def sort_parts(parts: Group, labels: NDArray[np.int32]) -> tuple[Group, Group, Group]:
    """Tell figures from dirt, which is dropped, from frames, which cover a border, and from boxes around something.

    Returns:
        Parts that may be figures, frames, boxes.
    """
    borders = labels[0], labels[-1], labels[:, 0], labels[:, -1]
    frames = [part for part in parts if max(np.mean(border == part.number) for border in borders) > BORDER]
    rest = [part for part in parts if part not in frames]
    boxes = [part for part in rest if _is_box(part, rest)]
    rest = [part for part in rest if part not in boxes]
    heaviest = max((part.ink for part in rest), default=0)
    least_side = SPECK * max(labels.shape)
    kept = [part for part in rest if part.ink >= SPECK * heaviest and part.side >= least_side]
    return kept, frames, boxes


def _is_box(part: Part, others: Group) -> bool:
    """Whether ``part`` is four straight sides with something in them."""
    thick = max(1, round(0.03 * part.side))
    sides = (
        part.shape[:thick].any(axis=0),
        part.shape[-thick:].any(axis=0),
        part.shape[:, :thick].any(axis=1),
        part.shape[:, -thick:].any(axis=1),
    )
    return min(side.mean() for side in sides) > 0.9 and any(
        other is not part
        and _within(other.rows, part.rows)
        and _within(other.columns, part.columns)
        and other.height > 0.15 * part.height
        and other.ink > 0.05 * part.ink
        for other in others
    )


def _within(inner: slice, outer: slice) -> bool:
    return bool(outer.start <= inner.start and inner.stop <= outer.stop)


def group_parts(parts: Group) -> list[Group]:
    """Join parts that make up a figure together; the figures from left to right, much smaller ones dropped."""
    largest = max(part.side for part in parts)
    groups: list[list[Part]] = []
    for part in parts:
        joined = [group for group in groups if any(_belong(part, other, largest) for other in group)]
        groups = [group for group in groups if group not in joined] + [sum(joined, [part])]
    main = max(groups, key=ink_of)
    figures = [
        group for group in groups if ink_of(group) > PART * ink_of(main) and side_of(group) > BESIDE * side_of(main)
    ]
    return sorted(figures, key=lambda group: min(part.columns.start for part in group))


def _belong(one: Part, other: Part, largest: int) -> bool:
    """Near each other, and not two tall parts side by side."""
    across, down = _gap(one.columns, other.columns), _gap(one.rows, other.rows)
    if across >= 0 and min(one.height, other.height) > 0.7 * max(one.height, other.height):
        return False
    alike = min(one.side, other.side) >= 0.6 * max(one.side, other.side)
    return max(across, down) <= (0.15 if alike else 0.25) * largest


def _gap(one: slice, other: slice) -> int:
    """Pixels between two ranges; negative where they overlap."""
    return int(max(one.start - other.stop, other.start - one.stop))


def ink_of(group: Group) -> float:
    """Sum up the ink of the parts."""
    return sum(part.ink for part in group)


def box_of(group: Group) -> tuple[int, int, int, int]:
    """Compute top, bottom, left and right of the box around the parts, in pixels."""
    return (
        min(part.rows.start for part in group),
        max(part.rows.stop for part in group),
        min(part.columns.start for part in group),
        max(part.columns.stop for part in group),
    )


def side_of(group: Group) -> int:
    """Compute the longer side of the box around the parts, in pixels."""
    top, bottom, left, right = box_of(group)
    return max(bottom - top, right - left)
