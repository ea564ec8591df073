"""One picture from a file to gray levels, whatever its format, color, depth and size."""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from mnist_etc.data.config import Polarity
from mnist_etc.data.content import DEVELOP, START, describe
from mnist_etc.data.formats import FORMATS, format_of
from mnist_etc.data.levels import Levels, guess, guess_white
from mnist_etc.errors import DataError

__all__ = ["LARGE", "MIDDLE", "Picture", "TooManyPixelsError", "decode_file", "read_picture"]

MIDDLE = 128
LARGE = 2**24
"""Pixels; a picture of more is reduced by a whole factor, where its format allows while it is decoded."""
LIMIT = 2**29
"""Bytes that a decoded picture may take."""
LIMIT_REDUCIBLE = 2**28
"""Pixels of a picture in a format that is decoded at a fraction of its size."""
REDUCIBLE = ("JPEG", "MPO", "JPEG2000")
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""By Pillow's mode; 4 of any other."""
COPIES = {"WEBP": 2, "AVIF": 2}
"""By format: how many times the decoded picture its decoder holds at least; else once."""
THUMBNAIL_TAG, DNG_TAG, PHOTOMETRIC_TAG = 254, 50706, 262
"""Of TIFF 6.0 and DNG 1.4: the kind of subfile, of which 1 is a reduced picture; a DNG's version; black or white."""


class TooManyPixelsError(DataError):
    """A picture has more pixels than whoever asked for it allows."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read."""

    gray: NDArray[np.uint8]
    """``(height, width)``."""
    frames: int = 1
    """Frames or pages of the file, of which the first was read."""


def read_picture(path: Path, polarity: Polarity) -> Picture:
    """Read one picture of a row of `FORMATS`: gray, color, palette, of 16 bits, with or without alpha.

    It is turned as its EXIF says. Of several frames or pages the first is read.

    Args:
        path: of the picture, whatever its name.
        polarity: decides on what ground transparent parts lie.

    Raises:
        DataError: names the file and the cause; a picture that would take more memory than `LIMIT` is refused.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with path.open("rb") as file:
            return decode_file(file, str(path), polarity)
    except OSError as error:
        raise _unreadable(str(path), error) from error


def decode_file(file: IO[bytes], place: str, polarity: Polarity, *, most_pixels: int | None = None) -> Picture:
    """Read one picture from an open file, as `read_picture` does.

    Args:
        file: at its start.
        place: names it in a message.
        polarity: decides on what ground transparent parts lie.
        most_pixels: of a picture, as it is opened and before it is decoded; None: as many as `LIMIT` lets in.

    Raises:
        TooManyPixelsError: it has more than ``most_pixels``.
        DataError: as `read_picture`.
    """
    try:
        start = file.read(START)
        file.seek(0)
        kind = format_of(start)
        if kind is None:
            received, remedy = describe(start)
            raise DataError(f"Expected an image in {place}; received {received}. {remedy or 'Replace or remove it.'}")
        _load_extra(kind, place)
        with _OWN_LIMITS, Image.open(file, formats=(kind,)) as image:
            _refuse_raw(image, place)
            _bound(image, place, most_pixels)
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            return Picture(_to_gray(_restore_depth(image, file) or image, polarity), frames)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile bytes
        raise _unreadable(place, error) from error


def _unreadable(place: str, error: Exception) -> DataError:
    cause = "bytes of another kind" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
    return DataError(f"{place} cannot be read as an image: {cause or type(error).__name__}. Replace or remove it.")


class _OwnLimits:
    """While anything is decoded, in whatever thread, Pillow's own limit, which warns of phones' photos, is off.

    It and Python's filter of warnings are the whole process's: the first that comes changes them, the last that goes
    puts them back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._pixels = Image.MAX_IMAGE_PIXELS
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                self._warnings = warnings.catch_warnings()
                self._warnings.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._warnings.__exit__(None, None, None)
                Image.MAX_IMAGE_PIXELS = self._pixels


_OWN_LIMITS = _OwnLimits()


def _load_extra(kind: str, place: str) -> None:
    """Have the package of a format that Pillow lacks register it."""
    extra = FORMATS[kind].extra
    if not extra or kind in Image.OPEN:
        return
    try:
        importlib.import_module(extra.replace("-", "_")).register_heif_opener()
    except ImportError as error:
        raise DataError(
            f"Expected {extra} to be installed for the {kind} image {place}; received none. "
            f"Install it by pip install {extra}, or convert the image to PNG."
        ) from error


def _refuse_raw(image: Image.Image, place: str) -> None:
    """A camera's raw file begins as a TIFF of a small preview, which is not the picture."""
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None and (DNG_TAG in tags or tags.get(THUMBNAIL_TAG) == 1):
        raise DataError(f"Expected an image in {place}; received a camera's raw file. {DEVELOP}")


def _restore_depth(image: Image.Image, file: IO[bytes]) -> Image.Image | None:
    """A PNG of 16 bits in color, of which Pillow keeps the upper 8, where those hold little: of 8 to 14 bits."""
    tiles = getattr(image, "tile", [])
    if image.format != "PNG" or not tiles or tiles[0][3] not in ("RGB;16B", "RGBA;16B"):
        return None
    image.load()
    upper = np.asarray(image).astype(np.uint16)
    if upper[..., :3].max() >= 2**6:
        return None
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as again:
        again.tile = [tile._replace(args=f"{image.mode};16L") for tile in again.tile]
        wide = upper * 256 + np.asarray(again)
    for part in (wide[..., :3], wide[..., 3:]):
        part[...] = Levels(0, guess_white(int(part.max(initial=0)))).to_uint8(part)
    return Image.fromarray(wide.astype(np.uint8))


def _bound(image: Image.Image, place: str, most_pixels: int | None) -> None:
    """Refuse what is too large to decode; have the decoder reduce what is large, where it can."""
    (width, height), reducible = image.size, image.format in REDUCIBLE
    pixels = width * height
    if most_pixels is not None and pixels > most_pixels:
        raise TooManyPixelsError(
            f"Expected at most {most_pixels:,} pixels in {place}; received {width:,} x {height:,} pixels. "
            "Make it smaller."
        )
    size = pixels * PIXEL_BYTES.get(image.mode, 4) * COPIES.get(str(image.format), 1)
    if (pixels > LIMIT_REDUCIBLE) if reducible else (size > LIMIT):
        most = f"{LIMIT_REDUCIBLE // 10**6:,} megapixels" if reducible else f"{LIMIT // 2**20:,} MiB when decoded"
        remedy = "Make it smaller" + ("" if reducible else ", or save it as JPEG, of which larger ones are read") + "."
        raise DataError(
            f"Expected a picture of at most {most} in {place}; "
            f"received {width:,} x {height:,} pixels, {size // 2**20:,} MiB. {remedy}"
        )
    factor = _factor(pixels)
    if factor > 1 and image.format == "JPEG2000":
        setattr(image, "reduce", int(math.log2(factor)))  # noqa: B010 -- Pillow gives a method's name to a number
    elif factor > 1 and reducible:
        image.draft(None, (width // factor, height // factor))


def _factor(pixels: int) -> int:
    """How many times smaller each side has to be for `LARGE`."""
    return math.ceil(math.sqrt(pixels / LARGE))


def _to_gray(image: Image.Image, polarity: Polarity) -> NDArray[np.uint8]:
    """uint8 ``(height, width)``, upright, transparent parts filled with the ground."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        gray = Image.fromarray(_narrow(image))
    elif image.has_transparency_data:
        gray = _flatten(image.convert("RGBA"), polarity)
    else:
        gray = image.convert("L")
    factor = _factor(gray.width * gray.height)
    if factor > 1:
        gray = gray.reduce(factor)
    turned = ImageOps.exif_transpose(_with_exif(gray, image))
    return np.asarray(turned)


def _with_exif(gray: Image.Image, image: Image.Image) -> Image.Image:
    """``gray`` with the orientation of ``image``."""
    orientation = image.getexif().get(0x0112)
    if orientation:
        gray.getexif()[0x0112] = orientation
    return gray


def _narrow(image: Image.Image) -> NDArray[np.uint8]:
    """A picture of more than 8 bits a pixel; the range is told from the data where the file does not say it."""
    numbers = np.asarray(image)
    low, high = numbers.min(), numbers.max()
    if image.format == "PPM":
        levels = Levels(0, 65535)  # Pillow scales by the maximum that the file states
    elif numbers.dtype.kind in "iu" and low >= 0 and high < 2**16:
        levels = Levels(0, guess_white(int(high)))
    else:
        levels = guess(float(low), float(high), whole=numbers.dtype.kind in "iu", title="the image")
    inverted = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(PHOTOMETRIC_TAG) == 0
    return np.uint8(255) - levels.to_uint8(numbers) if inverted else levels.to_uint8(numbers)


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
