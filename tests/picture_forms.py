"""Forms of single pictures and of folders of pictures; see `forms`."""

from __future__ import annotations

from pathlib import Path

from forms import IMAGES, form, read
from PIL import Image

DIGIT = IMAGES[:1]
PICTURE = Image.fromarray(IMAGES[0])


@form("a gray PNG", read(DIGIT))
def gray_png(folder: Path) -> Path:
    PICTURE.save(folder / "a.png")
    return folder / "a.png"
