"""A user's own images, of any size, color and polarity, to the form the models were trained on."""

from __future__ import annotations

import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.config import Polarity
from mnist_etc.data.content import START
from mnist_etc.data.dataset import SIDE
from mnist_etc.data.decode import MIDDLE, decode_file, read_picture
from mnist_etc.data.formats import SUFFIXES, format_of
from mnist_etc.errors import DataError

__all__ = ["BOX", "SUFFIXES", "Found", "find", "is_light", "list_others", "normalize", "read", "read_file", "search"]

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
BOX = 20
"""Pixels of the longer side of a figure of MNIST."""


@dataclass(frozen=True)
class Found:
    """What lies in a folder."""

    images: list[Path]
    """Every image, sorted."""
    others: Counter[str]
    """Everything else: how many of each suffix, and of what systems leave behind."""

    @property
    def passed(self) -> str:
        """The others for a message; empty where there are none."""
        return list_others(self.others)


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
    return Found(sorted(found), others)


def list_others(others: Counter[str]) -> str:
    """What is no image, counted by suffix, for a message; empty where there is nothing."""
    counts = sorted((count, what) for what, count in others.items() if count)[::-1]
    shown = [f"{count:,} {what}" for count, what in counts[:SHOWN]]
    more = f" and {len(counts) - SHOWN} more kinds" if len(counts) > SHOWN else ""
    return ", ".join(shown) + more


def _is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _begins_as_image(path: Path) -> bool:
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            return format_of(file.read(START)) is not None
    except OSError:
        return False


def read(path: Path, polarity: Polarity) -> NDArray[np.uint8]:
    """Read the gray levels uint8 ``(height, width)`` of one picture; see `decode.read_picture`."""
    return read_picture(path, polarity).gray


def read_file(file: IO[bytes], place: str, polarity: Polarity) -> NDArray[np.uint8]:
    """Read the gray levels of one picture from an open file, as `read` does; ``place`` names it in a message."""
    return decode_file(file, place, polarity).gray


def normalize(images: NDArray[np.uint8], polarity: Polarity, side: int = SIDE) -> NDArray[np.uint8]:
    """Scale whole gray images to the size of the training images, and invert those that are dark on light.

    Args:
        images: uint8 ``(n, height, width)`` of one size.
        polarity: of the images; auto: an image most of whose border is light is taken for dark on light.
        side: of the training images.

    Returns:
        uint8 ``(n, side, side)``, light on dark; other aspect ratios are centered on their ground.
    """
    dark_on_light = is_light(images) if polarity.dark is None else polarity.dark
    light = np.where(np.reshape(dark_on_light, (-1, 1, 1)), np.uint8(255) - images, images)
    return light if light.shape[1:] == (side, side) else np.stack([_fit(image, side) for image in light])


def is_light(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether most of the border of each image ``(n, height, width)`` is light."""
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
