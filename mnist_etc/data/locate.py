"""Find a dataset's file under any of the names and in any of the places that publishers and tools give it."""

from __future__ import annotations

import difflib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Located", "locate", "near_misses"]

SUFFIXES = (".gz", "", ".xz", ".bz2")
"""Of a file as it is served, or unpacked."""
LIKELY = 0.75
"""How alike a name must be to be a near miss."""


@dataclass(frozen=True)
class Located:
    """Where a file lies."""

    path: Path
    member: str = ""
    """Its name in the archive that ``path`` is."""

    def __str__(self) -> str:
        return str(self.path / self.member)


def locate(folders: Sequence[Path], names: Sequence[str]) -> Located | None:
    """Look for a file in the folders, in one of its name or ``raw/`` below (Kaggle, torchvision), in zip archives.

    ``train-images.idx3-ubyte`` stands for ``train-images-idx3-ubyte``, packed or not.

    Args:
        folders: looked at in this order; one that is not there is passed over.
        names: of the file without the suffix of its packing, the first one found counts.
    """
    spelled = list(_spellings(names))
    for folder in folders:
        for name in spelled:
            for path in (folder / name, folder / name / name, folder / "raw" / name):
                if path.is_file():
                    return Located(path)
    for folder in folders:
        for archive in sorted(folder.glob("*.zip")) if folder.is_dir() else ():
            members = _members(archive)
            for name in spelled:
                if name in members:
                    return Located(archive, members[name])
    return None


def near_misses(folders: Sequence[Path], names: Sequence[str]) -> str:
    """A clause for a message: which files there are whose names are nearly those; empty where there are none."""
    there = [path.name for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    near = {match for name in names for match in difflib.get_close_matches(name, there, n=2, cutoff=LIKELY)}
    return f" (found {', '.join(sorted(near))})" if near else ""


def _spellings(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        for spelled in dict.fromkeys((name, name.replace("-idx", ".idx"))):
            yield from (f"{spelled}{suffix}" for suffix in SUFFIXES)


def _members(archive: Path) -> dict[str, str]:
    """The files of a zip archive by their names less the folders in it; none of one that is damaged."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return {PurePosixPath(name).name: name for name in opened.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile):
        return {}
