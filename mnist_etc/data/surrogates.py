"""Images drawn by chance, of nobody and from no data: strokes, and filled shapes with texture.

What is measured on them costs no privacy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_etc.data.dataset import SIDE

__all__ = ["draw_surrogates"]

ZOOM = 4
"""Drawn so many times as large, then averaged."""
Points = npt.NDArray[np.float64]


def draw_surrogates(count: int, seed: int = 0, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Draw ``count`` images of strokes, then as many of filled shapes.

    Args:
        count: of each.
        seed: the same seed draws the same images.
        side: pixels of each side; the same strokes at any, and other shapes.

    Returns:
        uint8 ``(2 * count, side, side)``, light on dark.
    """
    generator = np.random.default_rng(seed)
    return np.stack([draw(generator, side) for draw in (_draw_strokes, _draw_shapes) for _ in range(count)])


def _draw_strokes(generator: np.random.Generator, side: int) -> npt.NDArray[np.uint8]:
    """One to three Bezier curves of one to three degrees."""
    canvas, zoom = Image.new("L", (side * ZOOM, side * ZOOM)), ZOOM * side / SIDE
    pen = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(1, 4)):
        curve = zoom * _bezier(generator.uniform(4, 24, (generator.integers(2, 5), 2)))
        width = zoom * generator.uniform(1.5, 3.5)
        pen.line([tuple(point) for point in curve], fill=255, width=int(width), joint="curve")
        for end in (curve[0], curve[-1]):
            pen.ellipse([*(end - width / 2), *(end + width / 2)], fill=255)
    return _shrink(canvas, side)


def _draw_shapes(generator: np.random.Generator, side: int) -> npt.NDArray[np.uint8]:
    """One to three polygons, each of one gray, under a common texture."""
    canvas, zoom = Image.new("L", (side * ZOOM, side * ZOOM)), ZOOM * side / SIDE
    pen = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(1, 4)):
        corners = generator.integers(3, 8)
        middle, angles = generator.uniform(9, 19, 2), np.sort(generator.uniform(0, 2 * np.pi, corners))
        around = np.stack([np.cos(angles), np.sin(angles)], 1) * generator.uniform(3, 13, corners)[:, np.newaxis]
        pen.polygon([tuple(point) for point in zoom * (middle + around)], fill=int(generator.uniform(60, 255)))
    texture = 1 + 0.25 * generator.uniform() * _noise(generator, generator.uniform(0, 1.5), side)
    return np.clip(_shrink(canvas, side) * texture, 0, 255).astype(np.uint8)


def _bezier(points: Points) -> Points:
    """24 points of the curve with these control points, by de Casteljau's algorithm."""
    at = np.linspace(0, 1, 24)[:, np.newaxis, np.newaxis]
    curve = np.repeat(points[np.newaxis], len(at), 0)
    while curve.shape[1] > 1:
        curve = curve[:, :-1] * (1 - at) + curve[:, 1:] * at
    return curve[:, 0]


def _noise(generator: np.random.Generator, power: float, side: int) -> Points:
    """Mean 0, deviation 1; the amplitude falls with that power of the frequency."""
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, np.newaxis], frequency)
    radius[0, 0] = 1 / side
    noise: Points = np.fft.ifft2(np.fft.fft2(generator.normal(size=(side, side))) / radius**power).real
    return np.asarray((noise - noise.mean()) / noise.std())


def _shrink(canvas: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))
