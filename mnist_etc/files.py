"""Bytes on disk: a final name appears whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_etc.errors import ArtifactError, BusyError

__all__ = [
    "exclusive",
    "read_limited",
    "sha256",
    "sync",
    "sync_folder",
    "temporary",
    "unfinished",
    "write_bytes",
    "write_json",
]


UNFINISHED = re.compile(r"\.tmp_mnist_etc_\d+_[a-z0-9_]{8}(\.\w+)?")
"""Names of what this program alone makes; the number is its process."""
ABANDONED = 3600
"""Seconds after which nobody writes to an unfinished file any more."""


@contextmanager
def temporary(final: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside ``final``; on a clean exit it takes the final name, else it is removed.

    The temporary name starts with a dot and keeps the final name's suffix, since some writers look at it.
    ``mode``, less the umask, is who may read and write the file; until it is done, its owner alone.

    Raises:
        ArtifactError: the disk is full, or the folder cannot be written; the old file stays.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=unfinished(), suffix=final.suffix)
        os.close(handle)
    except OSError as error:
        raise _cannot_write(final, error) from error
    path = Path(name)
    try:
        yield path
        sync(path)
        path.chmod(mode & ~_umask())
        path.replace(final)
        sync_folder(final.parent)
    except OSError as error:
        raise _cannot_write(final, error) from error
    finally:
        path.unlink(missing_ok=True)


def write_bytes(final: Path, content: bytes, mode: int = 0o666) -> None:
    """Write ``content`` under ``final`` in one step (see `temporary`)."""
    with temporary(final, mode) as path:
        path.write_bytes(content)


def write_json(final: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as indented JSON under ``final`` in one step; NaN is refused with ValueError."""
    write_bytes(final, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        ArtifactError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(_cannot("read", path, error) + "Make it readable.") from error


def read_limited(path: Path, limit: int) -> bytes:
    """Read a file of at most ``limit`` bytes.

    Raises:
        ArtifactError: it is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ArtifactError(_cannot("read", path, error) + "Make it readable.") from error
    if len(content) > limit:
        raise ArtifactError(f"Expected {path} to hold at most {limit:,} bytes; received more. Replace the file.")
    return content


@contextmanager
def exclusive(lock: Path, key: str = "artifacts") -> Iterator[None]:
    """Hold the advisory lock ``lock`` for the block; the kernel frees it when the process dies.

    ``key`` of the configuration names its folder, for the message.

    Temporary files and folders that a killed process of this program left beside ``lock`` an hour ago or more are
    removed; nothing below, and nothing of another name.

    Raises:
        BusyError: another process holds it.
        ArtifactError: the folder cannot be made or written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+")
    except OSError as error:
        raise _cannot_write(lock, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise BusyError(
                f"Expected {lock.parent} to be free; received process {owner} writing into it. "
                f"Wait for it to end, or pass {key}=<another folder>."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        for leftover in list(lock.parent.iterdir()):
            if UNFINISHED.fullmatch(leftover.name) and time.time() - leftover.lstat().st_mtime > ABANDONED:
                _remove(leftover)
        yield


def unfinished() -> str:
    """How the name of a temporary file or folder of this process begins; `tempfile` adds eight characters."""
    return f".tmp_mnist_etc_{os.getpid()}_"


def sync(path: Path) -> None:
    """Have the disk hold what was written to ``path``."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(leftover: Path) -> None:
    if leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover, ignore_errors=True)
    else:
        leftover.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot(verb: str, path: Path, error: OSError) -> str:
    return f"Expected to {verb} {path}; received: {error.strerror or error}. "


def _cannot_write(final: Path, error: OSError) -> ArtifactError:
    return ArtifactError(
        _cannot("write", final, error)
        + "Free disk space or pass artifacts=<a folder you can write>; the file of before is untouched."
    )
