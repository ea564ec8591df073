"""Which tables of a folder hold the training images, and which the test images."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_etc.data.config import DataConfig
from mnist_etc.data.tables.files import find
from mnist_etc.errors import DataError

__all__ = ["Parts", "find_parts"]

PARTS = {
    "train": re.compile(r"(?:^|[^a-z])train(?:ing)?(?![a-z])"),
    "test": re.compile(r"(?:^|[^a-z])(?:test|t10k)(?![a-z])"),
}
"""What a name of a file or folder of a part has in it, in lower case."""
SHARD = re.compile(r"[-_.]\d+(?:-of-\d+)?$|^\d+$")
"""What tells the shards of a table apart, at the end of a name without suffix."""
SHOWN = 6


@dataclass(frozen=True)
class Parts:
    """The tables of a dataset; of a part that none is of there are none."""

    train: list[Path]
    test: list[Path]


def find_parts(config: DataConfig, suffixes: Sequence[str], kind: str) -> Parts:
    """Find the tables that ``config.train`` and ``config.test`` name, or those of ``config.root`` by their names.

    A part is told by "train" or "test" in the name of a file, or of the folder nearest to it. The only table of a
    folder holds training images, whatever its name. Others are named on stderr.

    Args:
        config: of the dataset.
        suffixes: of the files that are searched for.
        kind: of the dataset, for messages.

    Raises:
        DataError: there is no table of training images, or several that are no shards of one.
    """
    root, stated = Path(config.root), {}
    for part, name in (("train", config.train), ("test", config.test)):
        if name is not None:
            stated[part] = _stated(root, part, name, suffixes)
    found = stated if "train" in stated else _search(root, suffixes) | stated
    if not found["train"]:
        received = _shown(find(root, suffixes)) if root.is_dir() else ""
        raise DataError(
            f"Expected {' or '.join(suffixes[:2])} files with train and test in their names in {root}; received "
            f"{received or 'none'}. Pass data.root=<their folder>, or data.train=<file> data.test=<file>."
        )
    for part, paths in found.items():
        if len({SHARD.sub("", path.name.partition(".")[0]) for path in paths}) > 1:
            raise DataError(
                f"Expected one table of {part} images, or its shards, in {root} with data.kind={kind}; received "
                f"{_shown(paths)}. Choose one by data.{part}=<file>."
            )
    return Parts(found["train"], found.get("test", []))


def _stated(root: Path, part: str, name: str, suffixes: Sequence[str]) -> list[Path]:
    path = Path(name) if Path(name).exists() else root / name
    tables = find(path, suffixes) if path.is_dir() else [path]
    if not path.exists() or not tables:
        raise DataError(f"Expected a table in data.{part}={name}; received no such file or folder. Check the path.")
    return tables


def _search(root: Path, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    if root.is_file():
        return {"train": [root], "test": []}
    tables = find(root, suffixes)
    found = {part: [path for path in tables if _part_of(path, root) == part] for part in PARTS}
    if len(tables) == 1:
        return {"train": tables, "test": []}
    others = [path for path in tables if not any(path in paths for paths in found.values())]
    if found["train"] and others:
        print(f"passed over in {root}: {_shown(others)}, neither train nor test by name", file=sys.stderr)
    return found


def _part_of(path: Path, root: Path) -> str:
    """The part that the name of a file, or of the folder nearest to it, states; empty where none does."""
    for name in reversed(path.relative_to(root).parts):
        for part, pattern in PARTS.items():
            if pattern.search(name.lower()):
                return part
    return ""


def _shown(paths: Sequence[Path]) -> str:
    more = len(paths) - SHOWN
    return ", ".join(path.name for path in paths[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
