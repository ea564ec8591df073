"""The files of published datasets: IDX or npz pairs, npz of MedMNIST, LIBSVM's text."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import idx
from mnist_etc.data.array_file import open_array
from mnist_etc.data.layout import to_gray
from mnist_etc.data.locate import Located
from mnist_etc.data.published import Arrays, Find, Published
from mnist_etc.errors import DataError

__all__ = ["read_libsvm", "read_medmnist", "read_pair"]

INT_2D = bytes([0, 0, 0x0C, 2])
"""The magic number of QMNIST's labels: int32, two dimensions."""
LIMIT = 2**28
"""Bytes of labels, and of a text."""
PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
DAMAGE = (OSError, EOFError, ValueError, IndexError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error)


def read_pair(row: Published, part: str, find: Find) -> Arrays:
    """Read a file of images and one of labels, each IDX or an npz of the only array ``arr_0``.

    Labels of several columns, as QMNIST has them, hold the class in the first.

    Raises:
        DataError: a file is missing, damaged or not of that form.
    """
    images, labels = (find(file) for file in row.files[part])
    if images.path.suffix == ".npz":
        pixels = _read_npz(images, "arr_0")
    else:
        pixels = idx.read_images(images.path, member=images.member)
    if labels.path.suffix == ".npz":
        numbers = _read_npz(labels, "arr_0")
    elif _start(labels) == INT_2D:
        numbers = _read_int_2d(labels)[:, 0]
    else:
        numbers = idx.read_labels(labels.path, member=labels.member)
    return pixels, numbers.reshape(-1).astype(np.int64) - row.first_label


def read_medmnist(row: Published, part: str, find: Find) -> Arrays:
    """Read MedMNIST's npz; its images for validation are among the training images, from which ours are drawn.

    Raises:
        DataError: the file is missing, damaged or not of that form.
    """
    located = find(row.files[part][0])
    parts = ("train", "val") if part == "train" else ("test",)
    images = [_read_npz(located, f"{name}_images") for name in parts]
    labels = [_read_npz(located, f"{name}_labels") for name in parts]
    if any(label.ndim != 2 or label.shape[1] != 1 for label in labels):
        raise DataError(f"Expected labels of shape (n, 1) in {located}; received others. Replace the file.")
    return np.concatenate([to_gray(piece) for piece in images]), np.concatenate(labels)[:, 0].astype(np.int64)


def read_libsvm(row: Published, part: str, find: Find) -> Arrays:
    """Read LIBSVM's text of pixels in [-1, 1], of which those that are left out are 0, as in any sparse text.

    Raises:
        DataError: the file is missing, damaged or not of that form.
    """
    located = find(row.files[part][0])
    size = row.shape[0] * row.shape[1]
    images, labels = [], []
    try:
        with _open(located) as file:
            for line in file.read(LIMIT).decode("ascii").splitlines():
                label, *pairs = line.split()
                pixels = np.zeros(size, np.float32)
                for pair in pairs:
                    place, value = pair.split(":")
                    pixels[int(place) - 1] = float(value)
                images.append(np.round((pixels.clip(-1, 1) + 1) * 127.5).astype(np.uint8))
                labels.append(int(float(label)) - row.first_label)
    except DAMAGE as error:
        raise DataError(
            f"{located} is no whole LIBSVM file: {' '.join(str(error).split())}. Replace the file."
        ) from error
    if not images:
        raise DataError(f"Expected images in {located}; received none. Replace the file.")
    return np.stack(images).reshape(-1, *row.shape), np.array(labels, np.int64)


def _read_npz(located: Located, name: str) -> NDArray[Any]:
    array = open_array(located.path, name).whole()
    if array.dtype.kind not in "ui" or array.ndim == 0:
        raise DataError(f"Expected whole numbers in {name} of {located}; received {array.dtype}. Replace the file.")
    return array


def _read_int_2d(located: Located) -> NDArray[np.int32]:
    try:
        with _open(located) as file:
            rows, columns = struct.unpack(">2I", file.read(12)[4:])
            content = file.read(LIMIT)
        return np.frombuffer(content, ">i4").reshape(rows, columns).astype(np.int32)
    except DAMAGE as error:
        raise DataError(f"{located} is no whole IDX file: {' '.join(str(error).split())}. Replace the file.") from error


def _start(located: Located) -> bytes:
    try:
        with _open(located) as file:
            return file.read(4)
    except DAMAGE as error:
        raise DataError(f"{located} cannot be read: {' '.join(str(error).split())}. Replace the file.") from error


@contextmanager
def _open(located: Located) -> Iterator[IO[bytes]]:
    """The content, unpacked by what it begins with."""
    with _open_raw(located) as raw:
        start = raw.read(6)
        raw.seek(0)
        unpack = next((PACKED[sign] for sign in PACKED if start.startswith(sign)), None)
        if unpack is None:
            yield raw
        else:
            with unpack(raw) as file:
                yield file


@contextmanager
def _open_raw(located: Located) -> Iterator[IO[bytes]]:
    """The file as it lies there, of an archive or not."""
    if not located.member:
        with located.path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(located.path) as archive, archive.open(located.member) as inner:
        yield inner
