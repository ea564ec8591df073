"""Pictures of what a model saw, each beside the picture that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_etc.files import temporary

__all__ = ["write_sheets"]

COLUMNS, ROWS = 5, 8
SIDE = 112
GAP, CAPTION = 8, 18
GROUND, TEXT = 96, 255
LONGEST = 38
"""Characters of a caption."""
Images = Sequence[NDArray[np.uint8]]


def write_sheets(folder: Path, originals: Images, seen: Images, captions: Sequence[str], *, first: int) -> list[Path]:
    """Write ``sheet_<number>.png``, forty pairs each: the picture, what the model saw, and a line below both.

    Args:
        folder: where to; made if it is not there.
        originals: gray pictures uint8 ``(height, width)`` of at most 112 pixels a side.
        seen: uint8 ``(side, side)`` for each.
        captions: a line for each; what is too long loses its beginning.
        first: number of the first sheet.

    Returns:
        The sheets that were written.

    Raises:
        ArtifactError: one cannot be written.
    """
    pairs = list(zip(originals, seen, captions, strict=True))
    starts = range(0, len(pairs), COLUMNS * ROWS)
    sheets = []
    for number, start in enumerate(starts, first):
        sheet = folder / f"sheet_{number}.png"
        with temporary(sheet) as path:
            _drawn(pairs[start : start + COLUMNS * ROWS]).save(path)
        sheets.append(sheet)
    return sheets


def _drawn(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8], str]]) -> Image.Image:
    width, height = 2 * SIDE + 2 * GAP, SIDE + GAP + CAPTION
    columns, rows = min(COLUMNS, len(pairs)), -(-len(pairs) // COLUMNS)
    sheet = Image.new("L", (columns * width + GAP, rows * height + GAP), GROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, (original, seen, caption) in enumerate(pairs):
        left, top = GAP + place % COLUMNS * width, GAP + place // COLUMNS * height
        sheet.paste(Image.fromarray(original), (left, top))
        large = Image.fromarray(seen).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        sheet.paste(large, (left + SIDE + GAP // 2, top))
        words = caption if len(caption) <= LONGEST else f"...{caption[3 - LONGEST :]}"
        pen.text((left, top + SIDE + 2), words, fill=TEXT, font=font)
    return sheet
