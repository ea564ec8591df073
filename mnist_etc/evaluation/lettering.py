"""Names of classes in pictures, and the files that pictures become."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mnist_etc.files import temporary

__all__ = ["SOFTWARE", "Font", "font_of", "shown_names", "text_image", "write_png"]

LONGEST = 32
"""Characters of a name; the tables beside the pictures have all."""
SOFTWARE = "mnist_etc"
"""What a file says that it was made by."""
FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"
"""Of matplotlib, whose font has Latin, Greek, Cyrillic, Arabic and more; matplotlib itself need not be loaded."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font_of(size: int) -> Font:
    """The font at so many pixels."""
    found = importlib.util.find_spec("matplotlib")
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder, FONT)).is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def shown_names(names: Sequence[str]) -> list[str]:
    """Each name, cut where it is long, or the class's number where the font lacks a character of it."""
    missing = _missing(set("".join(names)), font_of(11))

    def shown(number: int, name: str) -> str:
        if missing.intersection(name):
            return f"class {number}"
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."

    return [shown(number, name) for number, name in enumerate(names)]


def text_image(words: str, font: Font) -> Image.Image:
    """Black words on white, without a margin."""
    left, top, right, bottom = font.getbbox(words)
    image = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))), 255)
    ImageDraw.Draw(image).text((-left, -top), words, fill=0, font=font)
    return image


def write_png(path: Path, picture: Image.Image, *, key: str = "artifacts") -> None:
    """Write a picture; the same one gives the same bytes.

    Raises:
        ArtifactError: it cannot be written; ``key`` of the configuration chooses the folder.
    """
    origin = PngInfo()
    origin.add_text("Software", SOFTWARE)
    with temporary(path, key=key) as unfinished:
        picture.save(unfinished, compress_level=3, pnginfo=origin)


def _missing(characters: set[str], font: Font) -> set[str]:
    """Those that the font lacks, which are drawn as one empty box."""
    box = bytes(font.getmask("\uffff"))
    return {one for one in characters if not one.isascii() and bytes(font.getmask(one)) == box}
