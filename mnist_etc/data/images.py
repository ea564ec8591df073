"""A user's own images, of any size, color and polarity, to the form the models were trained on."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from mnist_etc.data.config import Polarity
from mnist_etc.data.dataset import SIDE
from mnist_etc.errors import DataError

__all__ = ["BOX", "SUFFIXES", "find", "normalize", "read"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".heic", ".tif", ".tiff", ".webp")
"""What `find` takes for an image; `read` refuses all but PNG and JPEG, so that none is left out silently."""
MIDDLE = 128
BOX = 20
"""Pixels of the longer side of a figure of MNIST."""
PER_8_BIT_LEVEL = 257
"""16-bit levels."""


def find(folder: Path) -> list[Path]:
    """List every image below ``folder`` by its suffix, sorted.

    Names that begin with a dot and linked folders are left out; of a folder that is not there the list is empty.

    Raises:
        DataError: a folder in it cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"Cannot list the folder {error.filename}: {error.strerror}. Check its permissions.")

    found = []
    for parent, folders, files in os.walk(folder, onerror=refuse if folder.is_dir() else None):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in files if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(found)


def read(path: Path, polarity: Polarity) -> NDArray[np.uint8]:
    """Read one PNG or JPEG: gray, color, palette, 16-bit, with or without alpha, turned as its EXIF says.

    Args:
        path: of the picture.
        polarity: decides on what ground transparent parts lie.

    Returns:
        Gray levels uint8 ``(height, width)``, as they are in the picture.

    Raises:
        DataError: names the file and the cause; images of more than Pillow's ``MAX_IMAGE_PIXELS`` are refused.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return _to_gray(image, polarity)
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile bytes
        cause = "bytes of another kind" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read as a PNG or JPEG image: {cause or type(error).__name__}. Replace or remove it."
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
