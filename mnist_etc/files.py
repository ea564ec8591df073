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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from mnist_etc.errors import ArtifactError, BusyError

__all__ = [
    "UNFINISHED",
    "appended",
    "exclusive",
    "inside",
    "read_limited",
    "scratch",
    "sha256",
    "sync",
    "sync_folder",
    "temporary",
    "unfinished",
    "write_bytes",
    "write_json",
]

UNFINISHED = re.compile(r"\.mnist_etc-([1-9]\d{0,8})-[a-z0-9_]{8}\.tmp(\.[^.]+)?")
"""Names of this program's unfinished files and folders; the number is the process that made one."""
ABANDONED = 3600
"""Seconds after which nobody writes to an unfinished file any more."""


@contextmanager
def temporary(final: Path, mode: int = 0o666, *, key: str = "artifacts") -> Iterator[Path]:
    """Yield a temporary path beside ``final``; on a clean exit it takes the final name, else it is removed.

    The temporary name starts with a dot and keeps the final name's suffix, since some writers look at it. What a
    killed process of this program left in the same folder is removed first.

    Args:
        final: the file to write; its folder is made.
        mode: less the umask, who may read and write the file; until it is done, its owner alone.
        key: of the configuration, which chooses the folder; for messages.

    Raises:
        ArtifactError: the disk is full, or the folder cannot be written; the old file stays.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final.parent)
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=_prefix(), suffix=f".tmp{final.suffix}")
        os.close(handle)
    except OSError as error:
        raise _cannot_write(final, error, key) from error
    path = Path(name)
    try:
        yield path
        sync(path)
        path.chmod(mode & ~_umask())
        path.replace(final)
        sync_folder(final.parent)
    except BrokenPipeError:  # of standard output, while the file was being written
        raise
    except OSError as error:
        raise _cannot_write(final, error, key) from error
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside ``folder``, on the same disk, and remove it with what is left in it.

    What a killed process of this program left in ``folder`` is removed first.
    """
    _sweep(folder)
    path = Path(tempfile.mkdtemp(dir=folder, prefix=_prefix(), suffix=".tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_bytes(final: Path, content: bytes, mode: int = 0o666, *, key: str = "artifacts") -> None:
    """Write ``content`` under ``final`` in one step (see `temporary`)."""
    with temporary(final, mode, key=key) as path:
        path.write_bytes(content)


def write_json(final: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as indented JSON under ``final`` in one step; NaN is refused with ValueError."""
    write_bytes(final, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def sha256(path: Path) -> str:
    """Compute the hexadecimal SHA-256 of a file's bytes.

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
def appended(final: Path, *, key: str = "artifacts") -> Iterator[TextIO]:
    """Yield ``final`` opened for more lines of text: a log, the one kind of file that grows under its own name.

    Args:
        final: the file; its folder is made.
        key: of the configuration, which chooses the folder; for messages.

    Raises:
        ArtifactError: it cannot be opened for writing.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        file = final.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _cannot_write(final, error, key) from error
    try:
        yield file
    finally:
        with suppress(OSError):  # what could not be written was told when it was
            file.close()


@contextmanager
def exclusive(lock: Path, *, key: str = "artifacts", wait: bool = False) -> Iterator[None]:
    """Hold the advisory lock ``lock`` for the block; the kernel frees it when the process dies.

    Args:
        lock: the file; it is made, and holds its owner's process id. What others wrote into a file of this name stays.
        key: of the configuration, which chooses the folder; for messages.
        wait: for a process that holds it, which will not for long.

    Raises:
        BusyError: another process holds it, and ``wait`` is not asked for.
        ArtifactError: the folder cannot be made or written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+", errors="replace")
    except OSError as error:
        raise _cannot_write(lock, error, key) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BusyError(
                f"Process {_owner(file) or 'unknown'} is writing into {lock.parent}. "
                f"Wait for it to end, or pass {key}=<another folder>."
            ) from error
        if _owner(file) is not None:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield


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


def unfinished(final: Path) -> list[Path]:
    """What killed processes of this program left beside ``final`` of files of its kind, by the suffix, however lately.

    Only whoever holds the folder alone may take it that nobody writes to them any more.
    """
    found = (path for path in final.parent.glob(f".*{final.suffix}") if not path.is_symlink() and path.is_file())
    return [path for path in found if UNFINISHED.fullmatch(path.name)]


def _prefix() -> str:
    return f".mnist_etc-{os.getpid()}-"


def _sweep(folder: Path) -> None:
    """Remove from ``folder`` itself what is this program's by its name, was left for `ABANDONED`, and has no owner."""
    with suppress(FileNotFoundError, PermissionError):  # another one sweeps too, or the folder cannot be listed
        for path in list(folder.iterdir()):
            made = UNFINISHED.fullmatch(path.name)
            if not made or path.is_symlink() or _alive(int(made[1])) or time.time() - path.stat().st_mtime < ABANDONED:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _owner(lock: IO[str]) -> str | None:
    """The process id in a lock file, empty where it is new; None: somebody else's content."""
    lock.seek(0)
    content = lock.read(11)
    return content if re.fullmatch(r"\d{0,10}", content) else None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot(verb: str, path: Path, error: OSError) -> str:
    return f"Cannot {verb} {path}: {error.strerror or error}. "


def _cannot_write(final: Path, error: OSError, key: str) -> ArtifactError:
    kept = "; the file of before is untouched" if os.path.exists(final) else ""  # noqa: PTH110 - which raises for no path
    return ArtifactError(
        _cannot("write", final, error) + f"Free disk space or pass {key}=<a folder you can write>{kept}."
    )


def inside(folder: Path, name: str) -> Path:
    """Join ``folder`` and ``name``; a path that ``..`` or a symbolic link leads out of ``folder`` is refused.

    Raises:
        ArtifactError: names the path and where it leads.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(f"{path} leads out of {folder}, to {path.resolve()}. Remove the link or rename.")
    return path
