"""Images in a NumPy file; nothing is ever unpickled, nothing beyond a limit is held in memory."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.classes import MOST
from mnist_etc.data.idx import LIMIT
from mnist_etc.data.source import PIECE, InputOptions, Pictures, Source
from mnist_etc.errors import DataError

__all__ = ["DAMAGE", "open_npy", "open_npz", "read_npy", "read_npz", "to_gray"]

IMAGES = ("images", "x_test", "x")
SHOWN = 6
LABELS = ("labels", "y_test", "y")
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, MemoryError, RecursionError),
    *(SyntaxError, tokenize.TokenError, zlib.error, zipfile.BadZipFile),
)
"""What reading a damaged npz or npy raises."""


def read_npz(path: Path) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Read images, and their labels where there are any, from an npz file.

    The images are the array ``images``, ``x_test`` or ``x``, or the only one; the labels are ``labels``, ``y_test`` or
    ``y``.

    Args:
        path: of the file, whatever its name.

    Returns:
        Images as `to_gray` takes them, and labels int64 ``(n,)`` or None.

    Raises:
        DataError: the file is damaged, holds Python objects, would take more memory than `LIMIT`, or its arrays are
            not images (uint8, or float in [0, 1]; ``(n, height, width[, channels])``) and labels 0..9.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            image_name = _first(IMAGES, names) or (names[0] if len(names) == 1 else None)
            if image_name is None:
                raise DataError(_no_images(archive.namelist(), names, path))
            label_name = _first(LABELS, names) if len(names) > 1 else None
            images = _read_member(archive, image_name, path)
            labels = _read_member(archive, label_name, path) if label_name else None
    except DAMAGE as error:
        raise _damaged(path, error) from error
    _check_images(images, path)
    return images, None if labels is None else _convert_labels(labels, len(images), path)


def read_npy(path: Path) -> NDArray[Any]:
    """Read one array of images from an npy file.

    Args:
        path: of the file, whatever its name.

    Returns:
        Images as `to_gray` takes them.

    Raises:
        DataError: as `read_npz`.
    """
    try:
        with path.open("rb") as file:
            images = _read_array(file, path)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    _check_images(images, path)
    return images


def open_npz(path: Path, _: InputOptions) -> Source:
    """Open an npz file as ``input=``; raises what `read_npz` raises."""
    return Source("index", _pieces(*read_npz(path)))


def open_npy(path: Path, _: InputOptions) -> Source:
    """Open an npy file as ``input=``; raises what `read_npy` raises."""
    return Source("index", _pieces(read_npy(path), None))


def _pieces(images: NDArray[Any], labels: NDArray[np.int64] | None) -> Iterator[Pictures]:
    for start in range(0, len(images), PIECE):
        part = slice(start, start + PIECE)
        gray = to_gray(images[part])
        names = [str(place) for place in range(start, start + len(gray))]
        yield Pictures(names, gray, None if labels is None else labels[part].tolist())


def to_gray(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert images of any of the forms that `read_npz` accepts to gray levels.

    Args:
        images: uint8, or float in [0, 1], ``(n, height, width)`` or ``(n, height, width, channels)``;
            of 4 channels the last, alpha, is left out.

    Returns:
        uint8 ``(n, height, width)``; colors are weighted as Pillow's mode L does (ITU-R 601-2 luma).
    """
    pixels = images if images.dtype == np.uint8 else np.round(images * np.float32(255)).astype(np.uint8)
    if pixels.ndim == 3:
        return pixels
    if pixels.shape[3] == 1:
        return pixels[..., 0]
    colors = np.ascontiguousarray(pixels[..., :3])
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colors])


def _no_images(files: list[str], names: list[str], path: Path) -> str:
    """The error line for an archive of ``files``, among them the arrays ``names``."""
    shown = ", ".join(repr(name) for name in (names or files)[:SHOWN])
    more = len(names or files) - SHOWN
    shown += f" and {more:,} more" if more > 0 else ""
    if names:
        remedy = "Pass the images alone: numpy.savez('mine.npz', images=<the array>, labels=<theirs, if known>)."
        return f"Expected an array named {', '.join(IMAGES)} in {path}; received {shown}. {remedy}"
    pictures = any(file.lower().endswith((".png", ".jpg", ".jpeg")) for file in files)
    remedy = "Unpack it and pass input=<the folder>." if pictures else "Save the images with numpy.savez."
    return f"Expected arrays in {path}; received an archive of {shown or 'nothing'}. {remedy}"


def _first(wanted: tuple[str, ...], names: list[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _read_member(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        return _read_array(file, path)


def _read_array(file: IO[bytes], path: Path) -> NDArray[Any]:
    """The array in ``file``, whose header is judged before anything is allocated."""
    read_header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError(f"Expected plain numbers in {path}; received pickled Python objects. Save a numeric array.")
    size = math.prod(shape) * dtype.itemsize
    if size > LIMIT:
        raise DataError(f"Expected at most {LIMIT:,} bytes an array in {path}; received {size:,}. Split the file.")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_images(images: NDArray[Any], path: Path) -> None:
    if images.ndim not in (3, 4) or 0 in images.shape or images.shape[3:] not in ((), (1,), (3,), (4,)):
        remedy = "Reshape the array."
        if images.ndim == 1 and images.dtype.kind in "iu":
            remedy = "These may be labels: take the array of the images."
        raise DataError(
            f"Expected images of shape (n, height, width) or (n, height, width, 1 or 3) in {path}; "
            f"received {images.shape}. {remedy}"
        )
    if images.dtype == np.uint8:
        return
    received = str(images.dtype)
    if images.dtype.kind == "f":
        low, high = images.min(), images.max()
        if low >= 0 and high <= 1:
            return
        received += f" from {low:g} to {high:g}"
    raise DataError(f"Expected images of uint8, or of float in [0, 1], in {path}; received {received}. Convert them.")


def _convert_labels(labels: NDArray[Any], count: int, path: Path) -> NDArray[np.int64]:
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        received = f"{labels.dtype} of shape {labels.shape}"
        raise DataError(f"Expected {count:,} integer labels in {path}; received {received}. Correct them.")
    wrong = (labels < 0) | (labels >= MOST)
    if wrong.any():
        at = int(np.argmax(wrong))
        received = f"{labels[at]} at position {at}"
        raise DataError(f"Expected labels 0 to {MOST - 1} in {path}; received {received}. Correct them.")
    return labels.astype(np.int64)


def _damaged(path: Path, error: Exception) -> DataError:
    cause = " ".join(str(error).split())
    return DataError(f"{path} is no whole NumPy file: {cause}. Save it again with numpy.savez.")
