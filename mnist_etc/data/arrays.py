"""Images in a NumPy file; nothing is ever unpickled, nothing beyond a limit is held in memory."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.config import Polarity
from mnist_etc.data.dataset import CLASSES
from mnist_etc.data.idx import LIMIT
from mnist_etc.data.images import normalise
from mnist_etc.errors import DataError

__all__ = ["read_npy", "read_npz"]

IMAGES = ("images", "x_test", "x")
LABELS = ("labels", "y_test", "y")
HEADER_LIMIT = 2**16


def read_npz(path: Path, polarity: Polarity) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Read the array ``images``, ``x_test`` or ``x``, or the only one, and ``labels``, ``y_test`` or ``y`` if there.

    Returns:
        Images uint8 ``(n, 28, 28)``, light on dark, and labels int64 ``(n,)`` or None.

    Raises:
        DataError: the file is damaged, holds Python objects, would take more memory than `LIMIT`, or its arrays are
            not images (uint8, or float in [0, 1]; ``(n, height, width[, channels])``) and labels 0..9.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            image_name = next((name for name in IMAGES if name in members), None) or (members[0] if len(members) == 1 else None)
            label_name = next((name for name in LABELS if name in members), None)
            if image_name is None:
                raise DataError(
                    f"Expected an array named {' or '.join(IMAGES)} in {path}; received {members[:9]}. Rename the array."
                )
            images = _member(archive, image_name, path)
            labels = None if label_name in (None, image_name) else _member(archive, str(label_name), path)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, error) from error
    return _grey(images, path, polarity), None if labels is None else _labels(labels, len(images), path)


def read_npy(path: Path, polarity: Polarity) -> NDArray[np.uint8]:
    """Read one array of images; returns and raises as `read_npz`."""
    try:
        with path.open("rb") as file:
            images = _array(file, path)
    except (OSError, EOFError, ValueError) as error:
        raise _damaged(path, error) from error
    return _grey(images, path, polarity)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        return _array(file, path)


def _array(file: IO[bytes], path: Path) -> NDArray[Any]:
    """The array in ``file``, whose header is judged before anything is allocated."""
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file, max_header_size=HEADER_LIMIT)
    if dtype.hasobject:
        raise DataError(f"Expected plain numbers in {path}; received pickled Python objects. Save a numeric array.")
    size = math.prod(shape) * dtype.itemsize
    if size > LIMIT:
        raise DataError(f"Expected at most {LIMIT:,} bytes an array in {path}; received {size:,}. Split the file.")
    content = bytearray()
    while len(content) < size and (piece := file.read(min(size - len(content), 2**20))):
        content += piece
    if len(content) < size:
        raise ValueError(f"{len(content):,} of {size:,} bytes, truncated")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def _grey(images: NDArray[Any], path: Path, polarity: Polarity) -> NDArray[np.uint8]:
    if images.ndim not in (3, 4) or 0 in images.shape or images.shape[3:] not in ((), (1,), (3,), (4,)):
        raise DataError(
            f"Expected images of shape (n, height, width) or (n, height, width, 1 or 3) in {path}; "
            f"received {images.shape}. Reshape the array."
        )
    pixels = _bytes(images, path)
    if pixels.shape[3:] == (1,):
        pixels = pixels[..., 0]
    elif pixels.ndim == 4:
        pixels = np.stack([np.asarray(Image.fromarray(image[..., :3]).convert("L")) for image in pixels])
    return normalise(pixels, polarity)


def _bytes(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        received = str(images.dtype)
    elif not (images.min() >= 0 and images.max() <= 1):
        received = f"{images.dtype} from {images.min()} to {images.max()}"
    else:
        return np.concatenate([np.round(piece * np.float32(255)).astype(np.uint8) for piece in np.array_split(images, len(images) // 4096 + 1)])
    raise DataError(f"Expected images of uint8, or of float in [0, 1], in {path}; received {received}. Convert them.")


def _labels(labels: NDArray[Any], count: int, path: Path) -> NDArray[np.int64]:
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DataError(f"Expected {count:,} integer labels in {path}; received {labels.dtype} {labels.shape}. Correct them.")
    if labels.min() < 0 or labels.max() >= CLASSES:
        wrong = labels[(labels < 0) | (labels >= CLASSES)][0]
        raise DataError(f"Expected labels 0 to {CLASSES - 1} in {path}; received {wrong}. Correct them.")
    return labels.astype(np.int64)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"Expected {path} to be a whole NumPy file; received: {' '.join(str(error).split())}. Save it again with numpy.savez."
    )
