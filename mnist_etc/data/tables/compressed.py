"""The bytes of a table that may be compressed, decompressed as they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from mnist_etc.errors import DataError

__all__ = ["head", "open_bytes"]

OPENERS: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
BUFFER = 2**18
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; gzip, bzip2, xz and a zip archive of a single file are decompressed.

    Raises:
        DataError: it cannot be read, is damaged, or is an archive of several files.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(6)
        opener = next((OPENERS[sign] for sign in OPENERS if start.startswith(sign)), None)
        if start.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path)) as file:
                yield io.BufferedReader(cast(io.RawIOBase, file), BUFFER)
        elif opener:
            with opener(path) as file:
                yield cast(IO[bytes], file)
        else:
            with path.open("rb", buffering=BUFFER) as plain:
                yield plain
    except DAMAGE as error:
        cause = " ".join(str(error).split())
        raise DataError(f"{path} is no whole file: {cause}. Replace the file.") from error


def head(path: Path, size: int) -> bytes:
    """The first bytes, decompressed; nothing where they cannot be read."""
    try:
        with open_bytes(path) as file:
            return file.read(size)
    except DataError:
        return b""


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise DataError(
            f"Expected one file in the archive {path}; received {len(names):,}: {', '.join(names[:6])}. "
            "Unpack it and pass the one you mean."
        )
    return names[0]
