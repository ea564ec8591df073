"""The IDX format of MNIST: a magic number, the sizes, then unsigned bytes; gzipped or not.

Source: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT").
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.content import START, describe
from mnist_etc.data.source import PIECE, InputOptions, Pictures, Source
from mnist_etc.errors import DataError

__all__ = ["LIMIT", "ExpectedFile", "cut", "open_idx", "read_images", "read_labels"]

LIMIT = 2**30
"""Bytes that one file may decompress to."""
CHUNK = 2**20
UNSIGNED_BYTE = 0x08
IMAGES, LABELS = 3, 1
WHAT = {IMAGES: "images", LABELS: "labels"}
"""By the number of dimensions."""
GZIP = b"\x1f\x8b"
DAMAGE = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged file raises."""


@dataclass(frozen=True)
class ExpectedFile:
    """What a file of a known dataset must hold."""

    count: int
    """Items: images or labels."""
    sha256: str
    """Hexadecimal, of the decompressed content."""


def read_images(path: Path, expected: ExpectedFile | None = None, member: str = "") -> NDArray[np.uint8]:
    """Read images of any size from an IDX file.

    Args:
        path: IDX file with three dimensions, gzipped or not, whatever its name.
        expected: refuse any other content.
        member: the name of the file where ``path`` is a zip archive.

    Returns:
        uint8 ``(n, rows, columns)``, n at least 1.

    Raises:
        DataError: the file is missing, truncated, of another form, or decompresses to more than its header or
            `LIMIT` allows; nothing beyond that size is ever held in memory.
    """
    return _read(path, member, IMAGES, expected)


def read_labels(path: Path, expected: ExpectedFile | None = None, member: str = "") -> NDArray[np.int64]:
    """Read labels from an IDX file.

    Args:
        path: IDX file with one dimension, gzipped or not.
        expected: refuse any other content.
        member: the name of the file where ``path`` is a zip archive.

    Returns:
        int64 ``(n,)``, each in 0..255.

    Raises:
        DataError: the file is not what it should be, see `read_images`.
    """
    return _read(path, member, LABELS, expected).astype(np.int64)


def open_idx(path: Path, _: InputOptions) -> Source:
    """Open a file of images as ``input=``, of which a piece at a time is held in memory.

    Raises:
        DataError: as `read_images`, whatever the size of the whole; that a gzipped file is cut short, or damaged, is
            found where it is read.
    """
    pieces = _stream(path)
    return Source("index", itertools.chain([next(pieces)], pieces))


def _stream(path: Path) -> Iterator[Pictures]:
    try:
        with _decompressed(path, "") as file:
            count, *shape = _parse_header(file, path, IMAGES)[1]
            size, start = math.prod(shape), 0
            _check_shape(path, (min(count, 1), *shape), None)
            _check_size(path, 4 + 4 * IMAGES + count * size)
            most = max(1, min(PIECE, 16 * CHUNK // size))
            while start < count:
                wanted = min(most, count - start)
                content = file.read(wanted * size)
                if len(content) < wanted * size:
                    raise _wrong_size(path, count * size, f"only {start * size + len(content):,}: truncated")
                names = [str(place) for place in range(start, start + wanted)]
                yield Pictures(names, np.frombuffer(content, np.uint8).reshape(wanted, *shape))
                start += wanted
            if file.read(1):
                raise _wrong_size(path, count * size, "more")
    except DAMAGE as error:
        raise DataError(f"{path} is no whole IDX file: {error}. Replace the file.") from error


def _check_size(path: Path, size: int) -> None:
    """Refuse at once a file that is not compressed and of another size than its header says."""
    there = path.stat().st_size
    with path.open("rb") as file:
        if there != size and file.read(2) != GZIP:
            header = 4 + 4 * IMAGES
            received = f"only {there - header:,}: truncated" if there < size else "more"
            raise _wrong_size(path, size - header, received)


def cut(images: NDArray[np.uint8]) -> Iterator[Pictures]:
    """Cut images ``(n, height, width)`` into pieces, each named by its position."""
    for start in range(0, len(images), PIECE):
        piece = images[start : start + PIECE]
        yield Pictures([str(place) for place in range(start, start + len(piece))], piece)


def _read(path: Path, member: str, dimensions: int, expected: ExpectedFile | None) -> NDArray[np.uint8]:
    if not path.is_file():
        raise DataError(f"There is no IDX file {path}. Check the path.")
    try:
        with _decompressed(path, member) as file:
            content, digest = _parse(file, path / member, dimensions, expected)
    except DAMAGE as error:
        raise DataError(f"{path / member} is no whole IDX file: {error}. Replace the file.") from error
    if expected and digest != expected.sha256:
        raise DataError(
            f"Expected {path / member} with sha256 {expected.sha256} (decompressed); "
            f"received {digest}: altered. Replace the file."
        )
    return content


@contextmanager
def _decompressed(path: Path, member: str) -> Iterator[BinaryIO]:
    with _open(path, member) as raw:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw


@contextmanager
def _open(path: Path, member: str) -> Iterator[BinaryIO]:
    if not member:
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(member) as inner:
        yield cast(BinaryIO, inner)


def _parse(file: BinaryIO, path: Path, dimensions: int, expected: ExpectedFile | None) -> tuple[NDArray[np.uint8], str]:
    header, shape = _parse_header(file, path, dimensions)
    _check_shape(path, shape, expected)
    content = _body(file, path, shape)
    digest = hashlib.sha256(header)
    digest.update(content)
    return content, digest.hexdigest()


def _parse_header(file: BinaryIO, path: Path, dimensions: int) -> tuple[bytes, tuple[int, ...]]:
    header = file.read(4 + 4 * dimensions)
    if header[:4] != _magic(dimensions):
        raise DataError(_other(header + file.read(START), path, dimensions))
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"Expected an IDX header in {path}; received only {len(header)} bytes. Replace the file.")
    return header, struct.unpack(f">{dimensions}I", header[4:])


def _magic(dimensions: int) -> bytes:
    return bytes([0, 0, UNSIGNED_BYTE, dimensions])


def _other(start: bytes, path: Path, dimensions: int) -> str:
    """The error line for a file that begins with ``start`` where `_magic` was expected."""
    wanted = WHAT[dimensions]
    for other, what in WHAT.items():
        if start[:4] == _magic(other):
            return f"Expected {wanted} in {path}; received {what}, an IDX file. Take the file of the {wanted}."
    received, remedy = describe(start)
    if start.startswith(b"\0\0") and received.startswith("0x"):
        received = f"0x{start[:4].hex()}"
    return (
        f"Expected {path} to begin with the IDX magic number 0x{_magic(dimensions).hex()}; received {received}. "
        f"{remedy or 'Replace the file.'}"
    )


def _check_shape(path: Path, shape: tuple[int, ...], expected: ExpectedFile | None) -> None:
    if expected and shape[0] != expected.count:
        raise DataError(
            f"Expected {expected.count:,} items in {path}; received a header of {shape[0]:,}. Replace the file."
        )
    if 0 in shape:
        raise DataError(f"Expected at least one item in {path}; received the sizes {shape}. Replace the file.")
    if math.prod(shape) > LIMIT:
        raise DataError(
            f"Expected at most {LIMIT:,} bytes in {path}; received a header of {math.prod(shape):,}. Split the file."
        )


def _body(file: BinaryIO, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes after the header, read piece by piece; pages of ``content`` are taken only as they fill."""
    size, filled = math.prod(shape), 0
    content = np.empty(shape, np.uint8)
    view = memoryview(content.reshape(-1))
    while got := file.readinto(view[filled : filled + CHUNK]):  # type: ignore[attr-defined]
        filled += got
    if filled < size or file.read(1):
        raise _wrong_size(path, size, f"only {filled:,}: truncated" if filled < size else "more")
    return content


def _wrong_size(path: Path, size: int, received: str) -> DataError:
    return DataError(f"Expected {size:,} bytes after the header of {path}; received {received}. Replace the file.")
