"""Digits drawn freehand by writers who do not exist, in the format of the service's canvas.

A writer has habits: a shape for each digit (a four open or closed, a seven with or without its bar), slant,
proportions, a pen, an unsteady hand. A digit is a few points, which a Catmull-Rom spline joins (Catmull and Rom, 1974);
a point that stands twice is a corner. Neither these shapes nor this pen had a part in any training of this project.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["CANVAS", "SHAPES", "Writer", "draw", "ink", "write"]

CANVAS = 280
"""Pixels of each side of the page's canvas; black on white."""
ZOOM = 4
Points = NDArray[np.float64]
Strokes = list[list[tuple[float, float]]]
SHAPES: dict[int, list[Strokes]] = {
    0: [
        [[(0.5, 0), (0.15, 0.2), (0.08, 0.55), (0.25, 0.93), (0.55, 0.98), (0.85, 0.7), (0.85, 0.3), (0.5, 0)]],
        [[(0.7, 0.08), (0.4, 0.0), (0.1, 0.4), (0.2, 0.85), (0.55, 1.0), (0.9, 0.6), (0.8, 0.15), (0.45, 0.02)]],
        [[(0.3, 0.05), (0.08, 0.5), (0.4, 1), (0.82, 0.75), (0.9, 0.35), (0.62, 0.02), (0.32, 0.06)]],
    ],
    1: [
        [[(0.5, 0), (0.5, 0.5), (0.5, 1)]],
        [[(0.28, 0.22), (0.52, 0), (0.52, 0), (0.52, 0.5), (0.52, 1)]],
        [[(0.25, 0.25), (0.5, 0), (0.5, 0), (0.5, 1)], [(0.22, 1), (0.78, 1)]],
    ],
    2: [
        [[(0.12, 0.25), (0.4, 0), (0.8, 0.2), (0.65, 0.55), (0.1, 1), (0.1, 1), (0.9, 1)]],
        [
            [
                *[(0.1, 0.2), (0.45, 0), (0.8, 0.25), (0.5, 0.65), (0.15, 0.95), (0.1, 0.85), (0.25, 0.8)],
                *[(0.6, 0.98), (0.95, 0.9)],
            ]
        ],
        [[(0.1, 0.1), (0.6, 0.02), (0.82, 0.28), (0.5, 0.62), (0.08, 0.97), (0.08, 0.97), (0.5, 0.93), (0.92, 0.97)]],
    ],
    3: [
        [
            [
                *[(0.15, 0.12), (0.5, 0), (0.8, 0.2), (0.42, 0.46), (0.42, 0.46)],
                *[(0.85, 0.66), (0.7, 0.95), (0.35, 1), (0.08, 0.85)],
            ]
        ],
        [
            [
                *[(0.12, 0), (0.85, 0), (0.85, 0), (0.42, 0.4), (0.42, 0.4)],
                *[(0.8, 0.5), (0.85, 0.8), (0.5, 1), (0.1, 0.88)],
            ]
        ],
        [
            [
                *[(0.2, 0.05), (0.65, 0.03), (0.75, 0.25), (0.5, 0.44), (0.35, 0.47), (0.6, 0.5), (0.85, 0.7)],
                *[(0.6, 0.98), (0.1, 0.95)],
            ]
        ],
    ],
    4: [
        [[(0.25, 0), (0.08, 0.55), (0.08, 0.55), (0.9, 0.55)], [(0.72, 0.08), (0.68, 1)]],
        [[(0.68, 1), (0.7, 0), (0.7, 0), (0.08, 0.65), (0.08, 0.65), (0.95, 0.65)]],
        [[(0.15, 0.03), (0.12, 0.4), (0.35, 0.5), (0.8, 0.42)], [(0.82, 0), (0.78, 0.5), (0.7, 1)]],
    ],
    5: [
        [
            [(0.25, 0), (0.2, 0.42), (0.2, 0.42), (0.6, 0.36), (0.88, 0.65), (0.6, 0.97), (0.1, 0.92)],
            [(0.25, 0), (0.85, 0.02)],
        ],
        [
            [
                *[(0.85, 0), (0.28, 0.02), (0.28, 0.02), (0.18, 0.45), (0.18, 0.45)],
                *[(0.65, 0.4), (0.88, 0.7), (0.55, 1), (0.1, 0.9)],
            ]
        ],
        [[(0.9, 0.05), (0.4, 0.05), (0.22, 0.3), (0.45, 0.45), (0.75, 0.65), (0.65, 0.95), (0.15, 0.97)]],
    ],
    6: [
        [[(0.7, 0), (0.3, 0.3), (0.12, 0.7), (0.35, 1), (0.75, 0.9), (0.75, 0.6), (0.4, 0.52), (0.15, 0.75)]],
        [[(0.55, 0), (0.15, 0.45), (0.12, 0.8), (0.5, 1), (0.85, 0.75), (0.55, 0.5), (0.2, 0.68)]],
        [[(0.3, 0), (0.12, 0.5), (0.2, 0.9), (0.55, 0.98), (0.72, 0.75), (0.5, 0.58), (0.18, 0.78)]],
    ],
    7: [
        [[(0.1, 0.02), (0.88, 0.02), (0.88, 0.02), (0.6, 0.5), (0.4, 1)]],
        [[(0.1, 0.03), (0.85, 0), (0.85, 0), (0.55, 0.5), (0.35, 1)], [(0.3, 0.5), (0.8, 0.48)]],
        [[(0.1, 0.18), (0.12, 0.02), (0.12, 0.02), (0.5, 0.06), (0.88, 0.0), (0.88, 0.0), (0.62, 0.4), (0.5, 1)]],
    ],
    8: [
        [
            [
                *[(0.75, 0.12), (0.4, 0), (0.18, 0.22), (0.5, 0.48), (0.85, 0.75), (0.5, 1), (0.15, 0.78)],
                *[(0.5, 0.46), (0.8, 0.2), (0.7, 0.08)],
            ]
        ],
        [
            [(0.5, 0), (0.2, 0.22), (0.5, 0.46), (0.8, 0.22), (0.5, 0)],
            [(0.5, 0.46), (0.12, 0.74), (0.5, 1), (0.88, 0.74), (0.5, 0.46)],
        ],
        [
            [
                *[(0.5, 0.47), (0.2, 0.25), (0.45, 0.0), (0.75, 0.2), (0.5, 0.47), (0.15, 0.75), (0.45, 1)],
                *[(0.82, 0.8), (0.52, 0.48)],
            ]
        ],
    ],
    9: [
        [[(0.8, 0.15), (0.4, 0), (0.15, 0.3), (0.45, 0.52), (0.8, 0.2), (0.8, 0.2), (0.78, 0.6), (0.72, 1)]],
        [
            [
                (0.78, 0.25),
                (0.5, 0),
                (0.15, 0.2),
                (0.3, 0.48),
                (0.7, 0.4),
                (0.8, 0.2),
                (0.8, 0.6),
                (0.55, 1),
                (0.2, 0.92),
            ]
        ],
        [[(0.7, 0.08), (0.3, 0.05), (0.2, 0.35), (0.55, 0.45), (0.75, 0.1), (0.75, 0.1), (0.65, 0.55), (0.45, 1)]],
    ],
}
"""Each digit in the unit square, down from the top left corner, in three people's ways."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Somebody's habits."""

    shapes: tuple[int, ...]
    """One a digit."""
    slant: float
    """To the right, as a tangent."""
    breadth: float
    """Width over height."""
    turn: float
    """Degrees."""
    size: float
    """Of the canvas's side, the height of a digit."""
    pen: float
    """Width of the stroke, pixels of the canvas."""
    unsteady: float
    """Deviation of the points, of a digit's height."""

    @classmethod
    def by_chance(cls, generator: np.random.Generator) -> Writer:
        """Somebody."""
        return cls(
            shapes=tuple(int(generator.integers(len(SHAPES[digit]))) for digit in range(10)),
            slant=float(generator.normal(0.08, 0.15)),
            breadth=float(generator.uniform(0.45, 0.9)),
            turn=float(generator.normal(0, 4)),
            size=float(generator.uniform(0.35, 0.85)),
            pen=float(generator.uniform(6, 28)),
            unsteady=float(generator.uniform(0.01, 0.035)),
        )


def write(digit: int, writer: Writer, generator: np.random.Generator) -> list[Points]:
    """Strokes of one digit, each ``(points, 2)``, x and y in pixels of the canvas."""
    mine = replace(
        writer,
        slant=writer.slant + generator.normal(0, 0.04),
        breadth=writer.breadth * generator.uniform(0.9, 1.1),
        turn=writer.turn + generator.normal(0, 2),
        size=writer.size * generator.uniform(0.85, 1.1),
    )
    height = mine.size * CANVAS
    strokes = []
    for points in SHAPES[digit][mine.shapes[digit]]:
        placed = np.asarray(points) - 0.5
        corners = np.any(np.diff(placed, axis=0, prepend=np.inf), axis=1)
        moved = generator.normal(0, mine.unsteady, placed.shape)
        moved[~corners] = moved[np.flatnonzero(~corners) - 1]
        placed = (placed + moved) * [mine.breadth, 1]
        placed[:, 0] -= mine.slant * placed[:, 1]
        strokes.append(height * _spline(placed))
    angle = np.deg2rad(mine.turn)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strokes = [stroke @ turned.T for stroke in strokes]
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    room = np.maximum(CANVAS - 4 - mine.pen - (high - low), 0)
    corner = 2 + mine.pen / 2 + room * generator.beta(3, 3, 2)
    return [stroke - low + corner for stroke in strokes]


def ink(strokes: list[Points], pen: float) -> NDArray[np.uint8]:
    """The canvas, uint8 ``(280, 280)``, black on white, edges smooth as a browser draws them."""
    sheet = Image.new("L", (CANVAS * ZOOM, CANVAS * ZOOM), 255)
    draw_on, width = ImageDraw.Draw(sheet), pen * ZOOM
    for stroke in strokes:
        path = [(float(x) * ZOOM, float(y) * ZOOM) for x, y in stroke]
        draw_on.line(path, fill=0, width=round(width))
        for x, y in path:
            draw_on.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=0)
    return np.asarray(sheet.resize((CANVAS, CANVAS), Image.Resampling.BOX))


def draw(digit: int, writer: Writer, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One digit on the canvas; see `write` and `ink`."""
    return ink(write(digit, writer, generator), writer.pen)


def _spline(points: Points) -> Points:
    """A curve through the points; corners where one is repeated."""
    corners = [0, *(at for at in range(1, len(points)) if np.array_equal(points[at], points[at - 1])), len(points)]
    parts = [points[first:last] for first, last in pairwise(corners)]
    return np.concatenate([_smooth(part) for part in parts])


def _smooth(points: Points) -> Points:
    if len(points) < 2:
        return points
    around = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    at = np.linspace(0, 1, 12, endpoint=False)[:, None]
    curve = [
        b + at * (c - a) / 2 + at**2 * (a - 2.5 * b + 2 * c - d / 2) + at**3 * (1.5 * (b - c) + (d - a) / 2)
        for a, b, c, d in zip(around, around[1:], around[2:], around[3:], strict=False)
    ]
    return np.concatenate([*curve, points[-1:]])
