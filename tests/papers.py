"""Digits as people send them: enlarged, on paper of any tint, shaded, ruled, off-center, cropped, inverted, framed.

Each kind takes an image of MNIST, uint8 ``(28, 28)``, light on dark, and gives a gray picture uint8 of another size.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
Layer = NDArray[np.float32]


def clean(image: Picture, generator: np.random.Generator) -> Picture:
    """Enlarged, and nothing else."""
    return _bytes(255 * _ink(image, generator))


def inverted(image: Picture, generator: np.random.Generator) -> Picture:
    """Black on white."""
    return _bytes(255 - 255 * _ink(image, generator))


def tinted(image: Picture, generator: np.random.Generator) -> Picture:
    """Ink of any gray on paper of any lighter or darker one, with noise."""
    return _bytes(_drawn(_ink(image, generator), generator) + generator.normal(0, 3, (1, 1)))


def noisy(image: Picture, generator: np.random.Generator) -> Picture:
    """As a cheap camera gives it: grain, then JPEG."""
    sheet = _drawn(_ink(image, generator), generator)
    buffer = io.BytesIO()
    Image.fromarray(_bytes(sheet + generator.normal(0, 8, sheet.shape))).save(buffer, "JPEG", quality=50)
    return np.asarray(Image.open(buffer))


def shaded(image: Picture, generator: np.random.Generator) -> Picture:
    """Light that falls off towards one side, and the shadow of a hand with a soft edge."""
    ink = _ink(image, generator)
    rows, columns = np.mgrid[0 : 1 : ink.shape[0] * 1j, 0 : 1 : ink.shape[1] * 1j]
    angle, edge = generator.uniform(0, 2 * np.pi), generator.uniform(0.2, 0.8)
    along = np.cos(angle) * (columns - 0.5) + np.sin(angle) * (rows - 0.5)
    shadow = 1 / (1 + np.exp(-(columns + 0.3 * rows - edge) / generator.uniform(0.01, 0.05)))
    light = 1 - 0.35 * (along + 0.5) - 0.3 * shadow
    return _bytes(_drawn(ink, generator, dark=True) * light)


def ruled(image: Picture, generator: np.random.Generator) -> Picture:
    """Lined or squared paper, a little tilted, its lines fainter than the ink."""
    ink = _ink(image, generator)
    pitch, tilt = ink.shape[0] / generator.uniform(4, 9), generator.uniform(-0.04, 0.04)
    rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]]
    lines = ((rows + tilt * columns) % pitch) < max(1.0, ink.shape[0] / 200)
    if generator.random() < 0.5:
        lines |= ((columns - tilt * rows) % pitch) < max(1.0, ink.shape[0] / 200)
    sheet = _drawn(ink, generator, dark=True)
    paper, pen = float(sheet.max()), float(sheet.min())
    strength = generator.uniform(0.25, 0.6)
    return _bytes(np.minimum(sheet, np.where(lines, paper - strength * (paper - pen), paper)))


def off_center(image: Picture, generator: np.random.Generator) -> Picture:
    """Small, somewhere on a large sheet."""
    ink = _ink(image, generator)
    height, width = (int(side * generator.uniform(2, 4)) for side in ink.shape)
    sheet = np.zeros((height, width), np.float32)
    top, left = generator.integers(0, height - ink.shape[0]), generator.integers(0, width - ink.shape[1])
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return _bytes(_drawn(sheet, generator, dark=True))


def cropped(image: Picture, generator: np.random.Generator) -> Picture:
    """Cut at the figure's own edges, less than a stroke of ground around it."""
    ink = _ink(image, generator)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.5) for axis in (1, 0))
    margin = int(generator.integers(0, 1 + ink.shape[0] // 28))
    return _bytes(
        _drawn(
            ink[
                max(0, rows[0] - margin) : rows[-1] + 1 + margin, max(0, columns[0] - margin) : columns[-1] + 1 + margin
            ],
            generator,
        )
    )


def framed(image: Picture, generator: np.random.Generator) -> Picture:
    """In the black frame of a scanner's lid, in a drawn box, or between the bars of a screenshot."""
    sheet = _drawn(_ink(image, generator), generator, dark=True)
    side = min(sheet.shape)
    kind, thick = generator.integers(3), int(side * generator.uniform(0.04, 0.12))
    if kind == 0:
        first, last = (int(generator.integers(0, thick + 1)) for _ in "xy")
        return _bytes(np.pad(sheet, ((thick, first), (last, thick)), constant_values=generator.uniform(0, 30)))
    if kind == 1:
        line = max(1, thick // 6)
        boxed = np.pad(sheet, line, constant_values=float(sheet.min()))
        return _bytes(np.pad(boxed, thick, constant_values=float(sheet.max())))
    bars = ((2 * thick, thick), (0, 0))
    return _bytes(np.pad(sheet, bars, constant_values=generator.uniform(20, 90)))


def thin(image: Picture, generator: np.random.Generator) -> Picture:
    """Written with a thin pen: the middle of each stroke."""
    ink = _ink(image, generator)
    return _bytes(_drawn(np.clip((ink - 0.75) * 6, 0, 1), generator, dark=True))


KINDS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    kind.__name__: kind for kind in (clean, inverted, tinted, noisy, shaded, ruled, off_center, cropped, framed, thin)
}


def _ink(image: Picture, generator: np.random.Generator) -> Layer:
    """0 to 1, 4 to 12 times as large."""
    zoom = int(generator.integers(4, 13))
    large = Image.fromarray(image).resize((28 * zoom, 28 * zoom), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


def _drawn(ink: Layer, generator: np.random.Generator, *, dark: bool | None = None) -> Layer:
    """Gray levels: paper where ``ink`` is 0, pen where it is 1, at least 70 apart."""
    contrast = generator.uniform(70, 200)
    low = generator.uniform(0, 255 - contrast)
    on_light = generator.random() < 0.5 if dark is None else dark
    paper, pen = (low + contrast, low) if on_light else (low, low + contrast)
    return np.asarray(paper + (pen - paper) * ink, np.float32)


def _bytes(sheet: NDArray[np.floating[Any]]) -> Picture:
    return np.asarray(np.clip(np.rint(sheet), 0, 255), np.uint8)
