"""READERS, the table of what ``input=`` may be: add a row, and ``infer.py`` reads your kind of file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_etc.data.source import InputOptions, Source
from mnist_etc.registry import Registry, resolve

__all__ = ["READERS", "Reader", "choose"]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A row of `READERS`: a kind of file or folder, how it is told apart, and how it is read."""

    fits: Callable[[Path, bytes], bool]
    """Whether a path is of this kind, by the first `content.START` bytes of the file, which are empty for a folder. It
    opens nothing that the bytes do not call for, and raises nothing."""
    reader: str | Callable[[Path, InputOptions], Source]
    """A function, or where to import it from when it is called (``module:function``). It raises `DataError` at once
    where the whole file or folder cannot be read; a single bad picture is among the failures of its piece."""

    def open(self, path: Path, options: InputOptions) -> Source:
        """Call the reader; raises what the reader raises."""
        source: Source = resolve(self.reader)(path, options)
        return source


def choose(path: Path, start: bytes) -> Reader | None:
    """The first row that fits a file which begins with ``start``, or a folder; None: there is none."""
    return next((READERS[name] for name in READERS if READERS[name].fits(path, start)), None)


def _is_folder(path: Path, _: bytes) -> bool:
    return path.is_dir()


def _is_image(_: Path, start: bytes) -> bool:
    from mnist_etc.data.formats import format_of

    return format_of(start) is not None


def _is_idx(_: Path, start: bytes) -> bool:
    return start.startswith((b"\x1f\x8b", b"\0\0\x08", b"\0\0\x09", b"\0\0\x0b", b"\0\0\x0c", b"\0\0\x0d", b"\0\0\x0e"))


def _is_zip(_: Path, start: bytes) -> bool:
    return start.startswith(b"PK")


def _is_table(path: Path, start: bytes) -> bool:
    from mnist_etc.data.tables.files import is_table

    return is_table(path, start)


def _is_npy(_: Path, start: bytes) -> bool:
    return start.startswith(b"\x93NUMPY")


READERS: Registry[Reader] = Registry("kind of input")
"""By name, tried in this order."""
READERS.add("table", Reader(fits=_is_table, reader="mnist_etc.data.tables.stream:open_table"))
READERS.add("folder", Reader(fits=_is_folder, reader="mnist_etc.data.pictures:open_folder"))
READERS.add("image", Reader(fits=_is_image, reader="mnist_etc.data.pictures:open_image"))
READERS.add("idx", Reader(fits=_is_idx, reader="mnist_etc.data.idx:open_idx"))
READERS.add("zip", Reader(fits=_is_zip, reader="mnist_etc.data.archive:open_zip"))
READERS.add("npy", Reader(fits=_is_npy, reader="mnist_etc.data.arrays:open_npy"))
