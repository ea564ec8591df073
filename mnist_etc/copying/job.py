"""The job of ``python -m mnist_etc copy``: what differs between two folders, file by file, by fsspec."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mnist_etc.copying.config import CopyCommand
from mnist_etc.errors import ConfigError, DataError, MnistEtcError
from mnist_etc.files import UNFINISHED, temporary

__all__ = ["copy"]

CHANGED = ("mtime", "LastModified", "last_modified", "updated")


def copy(command: CopyCommand) -> None:
    """Copy every file below ``command.source`` that ``command.target`` has not, or has older or with another size.

    A file here gets its name when it is whole, and so does an object in a bucket; a copy that was stopped goes on with
    the same command.

    Raises:
        ConfigError: the package for an address is not installed, or the target lies in the source.
        DataError: there is nothing to copy, or an address cannot be reached.
    """
    source, target = (
        _Folder(address, key) for key, address in (("source", command.source), ("target", command.target))
    )
    if source.system == target.system and f"{target.root}/".startswith(f"{source.root}/"):
        raise ConfigError(
            f"Expected target apart from source={command.source}; received {command.target}, which lies in it. Pass "
            "another folder."
        )
    try:
        there, have = source.files(), target.files()
        if "." in there:
            raise DataError(f"Expected a folder for source; received the file {command.source}. Pass its folder.")
        if not there:
            raise DataError(f"Expected files in source={command.source}; received none. Check the address.")
        left = [name for name in sorted(there) if name not in have or there[name].replaces(have[name])]
        for name in left:
            source.copy(name, target)
    except MnistEtcError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"Expected to copy {command.source} to {command.target}; received: {reason}. Check both addresses and the "
            "credentials; what was copied stays."
        ) from error
    size = sum(there[name].size for name in left)
    print(f"copied {len(left):,} of {len(there):,} files, {size / 1e6:,.1f} MB, to {command.target}")


@dataclass(frozen=True)
class _File:
    size: int
    changed: float | None
    """Seconds since 1970; None where the storage does not tell."""

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> _File:
        """From what fsspec tells; each storage has a word of its own for the time."""
        times = [about[word] for word in CHANGED if about.get(word) is not None]
        time = times[0] if times else None
        if isinstance(time, str):
            time = datetime.fromisoformat(time)
        return cls(int(about["size"] or 0), time.timestamp() if isinstance(time, datetime) else time)

    def replaces(self, other: _File) -> bool:
        """Whether this one is copied over ``other``: a checkpoint has the same size after each epoch."""
        newer = self.changed is not None and other.changed is not None and self.changed > other.changed
        return self.size != other.size or newer


class _Folder:
    """A folder here or in a bucket."""

    def __init__(self, address: str, key: str) -> None:
        try:
            self.system, self.root = fsspec.url_to_fs(address)
        except ImportError as error:
            raise ConfigError(
                f"Expected the package that {key}={address} is reached by; received: {str(error).splitlines()[0]}. "
                "For s3:// install the extra s3: pip install 'mnist-etc[s3]'"
            ) from error
        except ValueError as error:
            raise ConfigError(f"Expected a folder or an address for {key}; received {address!r}: {error}.") from error
        self.root = self.root.rstrip("/")

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return isinstance(self.system, LocalFileSystem)

    def files(self) -> dict[str, _File]:
        """Each file by its path below the folder; nothing where there is no folder."""
        self.system.invalidate_cache()
        try:
            found: dict[str, Any] = self.system.find(self.root, detail=True)
        except FileNotFoundError:
            return {}
        names = {posixpath.relpath(path, self.root): _File.of(about) for path, about in found.items()}
        return {name: file for name, file in names.items() if not UNFINISHED.fullmatch(posixpath.basename(name))}

    def copy(self, name: str, target: _Folder) -> None:
        """Copy one file into ``target``."""
        path, final = f"{self.root}/{name}", f"{target.root}/{name}"
        if target.here:
            with temporary(Path(final), key="target") as part:
                self.system.get_file(path, str(part))
        elif self.here:
            target.system.put_file(path, final)
        else:
            with self.system.open(path, "rb") as read, target.system.open(final, "wb") as write:
                shutil.copyfileobj(read, write)
