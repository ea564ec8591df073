"""DATASETS, the table of what ``data.kind`` may name: add a row, and every command reads your images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_etc.data.dataset import Split
from mnist_etc.registry import Registry, resolve

__all__ = ["DATASETS", "DatasetKind"]


@dataclass(frozen=True, kw_only=True)
class DatasetKind:
    """A row of `DATASETS`: how a kind of dataset is read, and which keys of ``data`` it heeds."""

    reader: str | Callable[[Any, str], Split]
    """A function, or where to import it from when it is called (``module:function``). It takes the `DataConfig` and
    "train" or "test", returns that `Split`, and raises `DataError` for files that are missing or damaged."""
    needs_root: bool = False
    """``data.root`` has to name the folder of the files."""
    prepares: bool = False
    """``data.prepare`` changes the images that are trained on, so it is one of the settings that decide the weights."""
    owners: str = ""
    """Word of ``data.owners`` upon which the reader itself states `Split.owners` of the training images; any other word
    is the name of a file of owners. Empty: there is no such word."""

    owner_columns: bool = False
    """``data.owners`` may name a column, of which the reader states `Split.owners`; where there is no such column, it
    is the name of a file of owners."""

    def read(self, config: Any, part: str) -> Split:
        """Call the reader with a `DataConfig` and "train" or "test"; raises what the reader raises."""
        split: Split = resolve(self.reader)(config, part)
        return split


DATASETS: Registry[DatasetKind] = Registry("kind of dataset")
DATASETS.add("idx", DatasetKind(reader="mnist_etc.data.catalog:read_split", needs_root=True))
DATASETS.add("digits", DatasetKind(reader="mnist_etc.data.digits:read_split"))
DATASETS.add(
    "folder", DatasetKind(reader="mnist_etc.data.folder:read_split", needs_root=True, prepares=True, owners="folders")
)
DATASETS.add("published", DatasetKind(reader="mnist_etc.data.by_name:read_split", needs_root=True))
for _kind in ("csv", "parquet"):
    DATASETS.add(
        _kind,
        DatasetKind(
            reader=f"mnist_etc.data.tables.dataset:read_{_kind}", needs_root=True, prepares=True, owner_columns=True
        ),
    )
