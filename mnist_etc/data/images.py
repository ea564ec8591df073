"""A user's own images, of any size, color and polarity, to the form the models were trained on."""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from mnist_etc.data.config import Polarity
from mnist_etc.data.content import START, describe
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.formats import SUFFIXES, format_of
from mnist_etc.errors import DataError

__all__ = ["BOX", "SUFFIXES", "Found", "find", "normalize", "read", "search"]

SYSTEM_FILES = (
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
)
"""In lower case: what operating systems leave in folders."""
SYSTEM, HIDDEN, LINKED = "hidden or system files", "hidden or system folders", "linked folders"
SHOWN = 6
MIDDLE = 128
BOX = 20
"""Pixels of the longer side of a figure of MNIST."""
PER_8_BIT_LEVEL = 257
"""16-bit levels."""


@dataclass(frozen=True)
class Found:
    """What lies in a folder."""

    images: list[Path]
    """Every image, sorted."""
    passed: str
    """Everything else, counted by suffix, for a message; empty where there is nothing else."""


def find(folder: Path) -> list[Path]:
    """List every image below ``folder``, sorted; see `search`."""
    return search(folder).images


def search(folder: Path) -> Found:
    """Tell the images below ``folder`` from everything else.

    An image is a file whose name has the suffix of one, whatever it holds, and any other file that begins as one.
    Hidden files, folders and what operating systems leave behind (``._*``, ``Thumbs.db``, ``__MACOSX``) are none, and
    linked folders are not followed. Of a folder that is not there the list is empty.

    Raises:
        DataError: a folder in it cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"Cannot list the folder {error.filename}: {error.strerror}. Check its permissions.")

    found, others = [], Counter[str]()
    for parent, folders, files in os.walk(folder, onerror=refuse if folder.is_dir() else None):
        others[LINKED] += sum(Path(parent, name).is_symlink() for name in folders)
        others[SYSTEM] += sum(_is_system(name) for name in files)
        others[HIDDEN] += sum(_is_system(name) for name in folders)
        folders[:] = [name for name in folders if not _is_system(name)]
        for path in (Path(parent, name) for name in files if not _is_system(name)):
            if path.suffix.lower() in SUFFIXES or _begins_as_image(path):
                found.append(path)
            else:
                others[path.suffix.lower() or "without a suffix"] += 1
    counts = sorted((count, what) for what, count in others.items() if count)[::-1]
    shown = [f"{count:,} {what}" for count, what in counts[:SHOWN]]
    more = f" and {len(counts) - SHOWN} more kinds" if len(counts) > SHOWN else ""
    return Found(sorted(found), ", ".join(shown) + more)


def _is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _begins_as_image(path: Path) -> bool:
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            return format_of(file.read(START)) is not None
    except OSError:
        return False


def read(path: Path, polarity: Polarity) -> NDArray[np.uint8]:
    """Read one image of a row of `FORMATS`: gray, color, palette, of 16 bits, with or without alpha.

    It is turned as its EXIF says. Of several frames or pages the first is read.

    Args:
        path: of the picture, whatever its name.
        polarity: decides on what ground transparent parts lie.

    Returns:
        Gray levels uint8 ``(height, width)``, as they are in the picture; one of more than `LARGE` pixels is reduced
        by a whole factor.

    Raises:
        DataError: names the file and the cause; a picture that would take more memory than `LIMIT` is refused.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with path.open("rb") as file:
            start = file.read(START)
        kind = format_of(start)
        if kind is None:
            received, remedy = describe(start)
            raise DataError(f"Expected an image in {path}; received {received}. {remedy or 'Replace or remove it.'}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=(kind,)) as image:
                return _to_gray(image, polarity)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile bytes
        cause = "bytes of another kind" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read as an image: {cause or type(error).__name__}. Replace or remove it."
        ) from error


def normalize(images: NDArray[np.uint8], polarity: Polarity, side: int = SIDE) -> NDArray[np.uint8]:
    """Scale whole gray images to the size of the training images, and invert those that are dark on light.

    Args:
        images: uint8 ``(n, height, width)`` of one size.
        polarity: of the images; auto: an image most of whose border is light is taken for dark on light.
        side: of the training images.

    Returns:
        uint8 ``(n, side, side)``, light on dark; other aspect ratios are centered on their ground.
    """
    dark_on_light = _light_border(images) if polarity.dark is None else polarity.dark
    light = np.where(np.reshape(dark_on_light, (-1, 1, 1)), np.uint8(255) - images, images)
    return light if light.shape[1:] == (side, side) else np.stack([_fit(image, side) for image in light])


def _light_border(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((_border(images) >= MIDDLE).mean(axis=1) > 0.5)


def _border(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels of each image, uint8 ``(n, 2 * (height + width))``."""
    return np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)


def _fit(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale so that the longer side is ``side``, then pad the shorter one with the ground: the median of the border."""
    height, width = image.shape
    longer = max(height, width)
    size = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
    scaled = Image.fromarray(image).resize(size, Image.Resampling.BOX if longer > side else Image.Resampling.BICUBIC)
    ground = int(np.median(_border(image[None])))
    square = Image.new("L", (side, side), ground)
    square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(square)


def _to_gray(image: Image.Image, polarity: Polarity) -> NDArray[np.uint8]:
    """uint8 ``(height, width)``, upright, transparent parts filled with the ground."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        wide = np.asarray(image).clip(0, 65535).astype(np.uint32)
        return np.asarray((wide + PER_8_BIT_LEVEL // 2) // PER_8_BIT_LEVEL, np.uint8)
    if image.has_transparency_data:
        return np.asarray(_flatten(image.convert("RGBA"), polarity))
    return np.asarray(image.convert("L"))


def _flatten(image: Image.Image, polarity: Polarity) -> Image.Image:
    """Lay the image on black or white, whichever the figure stands out from unless ``polarity`` says."""
    gray, alpha = image.convert("L"), image.getchannel("A")
    light = polarity.dark
    if light is None:
        visible = ImageStat.Stat(gray, mask=alpha)
        light = visible.count[0] > 0 and visible.mean[0] < MIDDLE
    ground = Image.new("L", image.size, 255 if light else 0)
    ground.paste(gray, mask=alpha)
    return ground
