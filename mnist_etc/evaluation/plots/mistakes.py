"""The mistakes that a model was surest of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.evaluation.lettering import font_of, shown_names, text_image, write_png

__all__ = ["plot_mistakes"]

MOST, COLUMNS = 40, 8
SIDE, GAP, TEXT = 96, 8, 12
"""Pixels of an image, around it, and of the words."""


def plot_mistakes(
    path: Path,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    names: Sequence[str],
) -> None:
    """Write up to forty images whose class was taken for another, those of the most probable mistakes first, as PNG.

    Args:
        path: where to.
        images: uint8 ``(n, side, side)``.
        labels: ``(n,)``.
        probabilities: ``(n, classes)``.
        names: of the classes.
    """
    said = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != labels)
    sure = probabilities[wrong, said[wrong]]
    chosen = wrong[np.argsort(-sure, kind="stable")][:MOST]
    words, font = shown_names(names), font_of(TEXT)
    captions = [
        [text_image(line, font) for line in (f"is {words[label]}", f"said {words[answer]}", _percent(share))]
        for label, answer, share in zip(labels[chosen], said[chosen], probabilities[chosen, said[chosen]], strict=True)
    ]
    told = f"{len(wrong):,} of {len(labels):,} images are mistaken"
    title = text_image(told + (f"; the surest {len(chosen)} are shown" if len(wrong) else ""), font)
    width = max([SIDE, *(line.width for lines in captions for line in lines)]) + GAP
    height = SIDE + 3 * (TEXT + 4) + 2 * GAP
    columns = max(1, min(COLUMNS, len(chosen)))
    top = TEXT + 3 * GAP
    size = (max(columns * width, title.width + GAP) + GAP, top + -(-len(chosen) // columns) * height)
    sheet = Image.new("L", size, 255)
    sheet.paste(title, (GAP, GAP))
    for place, (one, lines) in enumerate(zip(chosen, captions, strict=True)):
        left, upper = GAP + place % columns * width, top + place // columns * height
        large = Image.fromarray(images[one]).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        sheet.paste(large, (left, upper))
        for row, line in enumerate(lines):
            sheet.paste(line, (left, upper + SIDE + 4 + row * (TEXT + 4)))
    write_png(path, sheet)


def _percent(share: float) -> str:
    """To a tenth of a percent, and never 100 of what is less."""
    return f"{np.floor(1000 * share) / 10:.1f} %"
