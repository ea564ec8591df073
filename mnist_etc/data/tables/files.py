"""Which files are tables, and how each is opened; a folder of shards is one table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_etc.data import images
from mnist_etc.data.content import START, first_line
from mnist_etc.data.tables.columnar import ArrowTable, ParquetTable
from mnist_etc.data.tables.compressed import head
from mnist_etc.data.tables.delimited import DelimitedTable
from mnist_etc.data.tables.layout import Column, Layout, list_columns
from mnist_etc.data.tables.table import Table
from mnist_etc.errors import DataError

__all__ = ["CSV", "PARQUET", "find", "is_table", "open_files", "open_folder_table", "require_columns"]

CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zip", ".csv.bz2", ".csv.xz")
PARQUET = (".parquet", ".arrow", ".feather")
PLACEHOLDER = re.compile(r"cache-.*\.arrow|tmp.*")
"""What Hugging Face's library leaves beside a dataset."""
STATE = "state.json"


def is_table(path: Path, start: bytes) -> bool:
    """Whether a file that begins with ``start`` is a table; a folder is, where it holds tables and nothing else."""
    if path.is_dir():
        return bool(find(path, (*CSV, *PARQUET))) and not images.find(path)
    if start.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
        return True
    if start.startswith((b"\x1f\x8b", b"PK", b"BZh", b"\xfd7zXZ")):
        return _is_text(head(path, START))
    return _is_text(start)


def find(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """List the tables below a folder, sorted, by their suffixes; of a saved dataset those that its state names."""
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
        if path.name.lower().endswith(tuple(suffixes)) and path.is_file() and not hidden:
            stated = _stated(path.parent / STATE)
            if path.name in stated or (not stated and not PLACEHOLDER.fullmatch(path.name)):
                found.append(path)
    return found


def open_files(paths: Sequence[Path]) -> Table:
    """Open one file, or several of the same columns as one table.

    Raises:
        DataError: one cannot be read, is no table, or has other columns than the first.
    """
    tables = [_open(path) for path in paths]
    return tables[0] if len(tables) == 1 else _Shards(tables)


def require_columns(table: Table, first: Table) -> None:
    """Refuse a table of other columns than ``first`` has.

    Raises:
        DataError: names both.
    """
    if list(table.columns) != list(first.columns):
        raise DataError(
            f"Expected the columns of {first.place}, {list_columns(first.columns)}, in {table.place} too; "
            f"received {list_columns(table.columns)}. Pass one of the files."
        )


def open_folder_table(folder: Path) -> Table:
    """Open all tables below a folder as one."""
    return open_files(find(folder, PARQUET) or find(folder, CSV))


def _open(path: Path) -> Table:
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Check the path and its permissions.") from error
    if start.startswith(b"PAR1"):
        return ParquetTable(path)
    if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return ArrowTable(path)
    if start.startswith(b"version https://git-lfs"):
        raise DataError(f"Expected a table in {path}; received a pointer of Git LFS. Fetch it: git lfs pull.")
    return DelimitedTable(path)


def _is_text(start: bytes) -> bool:
    """Whether bytes begin a table: a first line with a delimiter, or cells of numbers."""
    line = first_line(start)
    if line.startswith(("{", "[", "<")):
        return False
    return any(mark in line for mark in ",;\t|") or (
        line.count(" ") > 1 and line.replace(" ", "")[:1] in "-0123456789."
    )


def _stated(state: Path) -> set[str]:
    try:
        return {str(entry["filename"]) for entry in json.loads(state.read_text())["_data_files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


class _Shards:
    """Several tables of the same columns, one after the other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        first = tables[0]
        self.place = f"{first.place} and {len(tables) - 1:,} more"
        self.columns: Sequence[Column] = first.columns
        self.named = first.named
        self.classes: Mapping[str, Sequence[str]] = first.classes
        self._starts: list[tuple[int, Table]] = []
        for other in tables[1:]:
            require_columns(other, first)

    def batches(self, layout: Layout) -> Iterator[list[Any]]:
        """Read columns; see `Table`."""
        self._starts = []
        row = 0
        for table in self._tables:
            self._starts.append((row, table))
            for batch in table.batches(layout):
                yield batch
                row += len(batch[0])

    def refuse(self, row: int, cause: str) -> DataError:
        """The error for what is wrong with a row, counted from 0 in the first table."""
        start, table = max((entry for entry in self._starts if entry[0] <= row), key=lambda entry: entry[0])
        return table.refuse(row - start, cause)
