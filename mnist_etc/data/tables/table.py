"""A table of images, whatever its format: its columns, and its rows piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity
from mnist_etc.data.source import PIECE
from mnist_etc.data.tables.labels import Labels, encode
from mnist_etc.data.tables.layout import Column, Kind, Layout
from mnist_etc.data.tables.pixels import Fault, Scale, read_columns, read_lists, to_pictures
from mnist_etc.errors import DataError

__all__ = ["Rows", "Table", "read_labels", "read_rows"]


class Table(Protocol):
    """An open table; nothing but its head has been read."""

    @property
    def place(self) -> str:
        """Its path, for messages."""

    @property
    def columns(self) -> Sequence[Column]:
        """In their order."""

    @property
    def named(self) -> bool:
        """Whether the columns have names of their own."""

    @property
    def classes(self) -> Mapping[str, Sequence[str]]:
        """Names of the classes that the numbers of a column stand for, by the name of the column."""

    def batches(self, layout: Layout) -> Iterator[list[Any]]:
        """Read the columns at ``layout.positions``, as many pyarrow arrays of equal length a batch.

        Raises:
            DataError: a row is damaged.
        """

    def refuse(self, row: int, cause: str, layout: Layout) -> DataError:
        """The error for what is wrong with a row, counted from 0."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a table."""

    positions: Sequence[int]
    """Of each row in the table, from 0."""
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
    """Gray levels of each row, as they are in the table."""
    labels: Labels | None
    owners: list[str | None] | None
    failures: list[DataError] = field(default_factory=list)
    """One for each row whose picture could not be decoded; those are in none of the other fields."""


def read_rows(table: Table, layout: Layout, polarity: Polarity) -> Iterator[Rows]:
    """Read a table, at most `PIECE` rows a piece.

    Args:
        table: is read from its beginning.
        layout: which columns hold what.
        polarity: decides on what ground transparent parts of pictures lie.

    Raises:
        DataError: a row is damaged or no image; a picture that cannot be decoded is among the failures.
    """
    start, scale = 0, None
    for batch in table.batches(layout):
        for offset in range(0, len(batch[0]), PIECE):
            columns = [column.slice(offset, PIECE) for column in batch]
            pixels = columns[: len(layout.image)]
            failures: dict[int, DataError] = {}
            pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
            if table.columns[layout.image[0]].kind is Kind.picture:
                from mnist_etc.data.tables.pictures import decode

                pictures, failures = decode(pixels[0], table.place, start, polarity)
            else:
                try:
                    values = read_columns(pixels) if layout.side else read_lists(pixels[0])
                    scale = scale or Scale.of(values, table.place)
                    pictures = to_pictures(scale.levels(values), table.place)
                except Fault as fault:
                    raise table.refuse(start + fault.row, fault.cause, layout) from fault
            yield _rows(table, layout, columns, start, pictures, failures)
            start += len(columns[0])
    if not start:
        raise DataError(f"Expected images in {table.place}; received a table without a row. Replace the file.")


def _rows(
    table: Table,
    layout: Layout,
    columns: list[Any],
    start: int,
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    failures: Mapping[int, DataError],
) -> Rows:
    labels, owners, rest = None, None, columns[len(layout.image) :]
    if layout.label is not None:
        labels = encode(rest.pop(0), table.classes.get(table.columns[layout.label].name))
    if layout.owner is not None:
        owners = encode(rest.pop(0), None).texts_of_rows()
    kept = [row for row in range(len(columns[0])) if row not in failures]
    if failures and labels:
        labels = Labels(labels.codes[kept], labels.texts, labels.numbers)
    if failures and owners:
        owners = [owners[row] for row in kept]
    return Rows([start + row for row in kept], pictures, labels, owners, list(failures.values()))


def read_labels(table: Table, layout: Layout) -> Iterator[Labels]:
    """Read the column of labels alone."""
    assert layout.label is not None
    alone = Layout(image=(), side=0, label=layout.label)
    for (column,) in table.batches(alone):
        yield encode(column, table.classes.get(table.columns[layout.label].name))
