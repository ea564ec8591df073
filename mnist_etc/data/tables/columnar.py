"""Tables of Parquet and Arrow files: Hugging Face's, pandas' and pyarrow's."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_etc.data.source import PIECE
from mnist_etc.data.tables.layout import Column, Kind, Layout
from mnist_etc.errors import DataError

__all__ = ["ArrowTable", "ParquetTable", "rows_of_groups"]

MANY = 64
"""Columns: with more of them less is buffered of each."""
BUFFER = 2**20, 2**15
"""Bytes of a column that are read at once, of few columns and of many."""


class _ColumnarTable:
    """What the formats have in common: a schema of pyarrow."""

    named = True

    def __init__(self, path: Path, schema: Any) -> None:
        self.place = str(path)
        self.columns = [Column(field.name, _kind(field.type)) for field in schema]
        self.classes = _classes(schema)

    def refuse(self, row: int, cause: str) -> DataError:
        """The error for what is wrong with a row, counted from 0."""
        return DataError(
            f"Expected an image in each row of {self.place}; received {cause} in row {row:,} (the first is 0). "
            "Correct or remove the row."
        )

    def _selected(self, layout: Layout) -> list[str]:
        return [self.columns[at].name for at in layout.positions]


class ParquetTable(_ColumnarTable):
    """A Parquet file, read row group by row group and page by page.

    Args:
        path: of the file.
        rows: the first that is read and the one after the last; None: all.

    Raises:
        DataError: it is damaged.
    """

    def __init__(self, path: Path, rows: tuple[int, int] | None = None) -> None:
        import pyarrow.parquet as pq

        with _told(path, "Parquet"):
            super().__init__(path, pq.read_schema(path))
        self._path, self._rows = path, rows

    def batches(self, layout: Layout) -> Iterator[list[Any]]:
        """Read columns; see `Table`."""
        import pyarrow.parquet as pq

        names = self._selected(layout)
        buffer = BUFFER[len(names) > MANY]
        with _told(self._path, "Parquet"):
            with pq.ParquetFile(self._path, buffer_size=buffer, pre_buffer=False) as file:
                groups, before, left = _covering(_rows_of_groups(file), self._rows)
                for whole in file.iter_batches(2 * PIECE, groups, names, use_threads=False):
                    batch = whole.slice(before, left)
                    before, left = max(before - len(whole), 0), left - len(batch)
                    if len(batch):
                        yield [batch.column(name) for name in names]
                    if not left:
                        return


def rows_of_groups(path: Path) -> list[int]:
    """How many rows each row group of a Parquet file has.

    Raises:
        DataError: it is damaged.
    """
    import pyarrow.parquet as pq

    with _told(path, "Parquet"), pq.ParquetFile(path) as file:
        return _rows_of_groups(file)


def _rows_of_groups(file: Any) -> list[int]:
    return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]


def _covering(groups: list[int], rows: tuple[int, int] | None) -> tuple[list[int], int, int]:
    """The row groups that hold ``rows``, how many others come before these in them, and how many rows are read."""
    first, stop = rows or (0, sum(groups))
    ends = list(itertools.accumulate(groups))
    chosen = [at for at, end in enumerate(ends) if first < end and end - groups[at] < stop]
    skipped = first - (ends[chosen[0]] - groups[chosen[0]]) if chosen else 0
    return chosen, skipped, min(stop, sum(groups)) - first


class ArrowTable(_ColumnarTable):
    """An Arrow file: the stream format, as ``Dataset.save_to_disk`` writes it, or the file format (Feather).

    Args:
        path: of the file.

    Raises:
        DataError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        with _told(path, "Arrow"), _open_arrow(path) as (schema, _):
            super().__init__(path, schema)
        self._path = path

    def batches(self, layout: Layout) -> Iterator[list[Any]]:
        """Read columns; see `Table`."""
        names = self._selected(layout)
        with _told(self._path, "Arrow"), _open_arrow(self._path) as (_, batches):
            for batch in batches():
                yield [batch.column(name) for name in names]


@contextmanager
def _open_arrow(path: Path) -> Iterator[tuple[Any, Callable[[], Iterator[Any]]]]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        if is_file:
            reader = pa.ipc.open_file(file)
            yield reader.schema, lambda: (reader.get_batch(at) for at in range(reader.num_record_batches))
        else:
            stream = pa.ipc.open_stream(file)
            yield stream.schema, lambda: iter(stream)


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Turn what reading a damaged file raises into one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        cause = " ".join(str(error).split())
        raise DataError(f"{path} is no whole {what} file: {cause}. Replace the file.") from error


def _kind(type_: Any) -> Kind:
    import pyarrow as pa

    types = pa.types
    if isinstance(type_, pa.ExtensionType):
        return _kind(type_.storage_type)
    if types.is_dictionary(type_):
        return _kind(type_.value_type)
    if types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_):
        return Kind.number
    if types.is_string(type_) or types.is_large_string(type_):
        return Kind.text
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_):
        return Kind.picture
    if types.is_struct(type_):
        names = {type_.field(at).name for at in range(type_.num_fields)}
        return Kind.picture if "bytes" in names else Kind.other
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return Kind.pixels if _kind(type_.value_type) in (Kind.pixels, Kind.number) else Kind.other
    return Kind.other


def _classes(schema: Any) -> dict[str, list[str]]:
    """Names of the classes by column, as the metadata of Hugging Face's ``ClassLabel`` states them."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        stated = {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
    return {
        name: [str(one) for one in feature["names"]]
        for name, feature in stated.items()
        if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }
