"""An array in an npy file or an npz archive, read piece by piece; nothing is ever unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mnist_etc.data.source import PIECE
from mnist_etc.errors import DataError

__all__ = ["DAMAGE", "ArrayFile", "damaged", "list_arrays", "open_array"]

LIMIT = 2**29
"""Bytes that are held in memory at once."""
PIECE_BYTES = 2**26
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, MemoryError, RecursionError, OverflowError),
    *(SyntaxError, tokenize.TokenError, zlib.error, zipfile.BadZipFile, NotImplementedError),
)
"""What reading a damaged npz or npy raises."""


@dataclass(frozen=True)
class ArrayFile:
    """What the header of an array says, and where the array lies."""

    path: Path
    member: str
    """The name of the array in an archive; empty for an npy file."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def title(self) -> str:
        """Names the array in messages."""
        return f"{self.member} of {self.path}" if self.member else str(self.path)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Cut the array along its first axis, at most `PIECE` at a time; an npy file is mapped and not copied.

        Raises:
            DataError: the file is damaged.
        """
        size = max(1, min(PIECE, PIECE_BYTES // max(1, self._row)))
        try:
            if not self.member or self.fortran:
                array = self.whole()
                for start in range(0, self.shape[0], size):
                    yield array[start : start + size]
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.member}.npy") as file:
                _read_header(file)
                for start in range(0, self.shape[0], size):
                    shape = (min(size, self.shape[0] - start), *self.shape[1:])
                    content = file.read(shape[0] * self._row)
                    yield np.frombuffer(content, self.dtype).reshape(shape)
                if file.read(1):
                    raise ValueError("more bytes than its header says")
        except DAMAGE as error:
            raise damaged(self.path, error) from error

    def whole(self) -> NDArray[Any]:
        """The array at once.

        Raises:
            DataError: the file is damaged, or the array larger than `LIMIT` and in no npy file.
        """
        try:
            if not self.member:
                array: NDArray[Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
                return array
            size = math.prod(self.shape) * self.dtype.itemsize
            if size > LIMIT:
                raise DataError(
                    f"Expected at most {LIMIT:,} bytes in {self.title}; received {size:,}. Split it, or save it alone "
                    "with numpy.save."
                )
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.member}.npy") as file:
                content: NDArray[Any] = npy.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
                return content
        except DAMAGE as error:
            raise damaged(self.path, error) from error

    @property
    def _row(self) -> int:
        """Bytes of one item along the first axis."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def open_array(path: Path, member: str = "") -> ArrayFile:
    """Read the header of an array.

    Args:
        path: of the file, whatever its name.
        member: the name of the array, of an archive.

    Raises:
        DataError: the file is damaged or shorter than its header says, or the array holds Python objects or records.
    """
    try:
        if not member:
            with path.open("rb") as file:
                return _checked(path, "", file, path.stat().st_size)
        with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as inner:
            return _checked(path, member, inner, archive.getinfo(f"{member}.npy").file_size)
    except DAMAGE as error:
        raise damaged(path, error) from error


def list_arrays(path: Path) -> list[str]:
    """The names of the arrays in an npz archive.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = archive.namelist()
    except DAMAGE as error:
        raise damaged(path, error) from error
    return [name.removesuffix(".npy") for name in files if name.endswith(".npy")]


def damaged(path: Path, error: Exception) -> DataError:
    """The line for a file whose reading raised ``error``."""
    cause = " ".join(str(error).split())
    return DataError(f"{path} is no whole NumPy file: {cause}. Save it again with numpy.savez.")


def _checked(path: Path, member: str, file: IO[bytes], size: int) -> ArrayFile:
    shape, fortran, dtype = _read_header(file)
    found = ArrayFile(path, member, shape, dtype, fortran)
    if dtype.hasobject:
        raise DataError(
            f"Expected plain numbers in {found.title}; received pickled Python objects, which can run code when "
            "they are read. Save a numeric array, numpy.stack(list(a)).astype('uint8'), or of names a.astype(str)."
        )
    if dtype.names:
        raise DataError(
            f"Expected plain numbers in {found.title}; received records of {', '.join(dtype.names)}. Save the images "
            "as an array of their own."
        )
    needed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size - file.tell() != needed:
        raise ValueError(f"expected {needed:,} bytes after its header, received {size - file.tell():,}")
    return found


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    read_header: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read_header(file)
    return header
