"""A table of images, whatever its format: its columns, and its rows piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity
from mnist_etc.data.levels import Levels
from mnist_etc.data.source import PIECE
from mnist_etc.data.tables.labels import Labels, encode
from mnist_etc.data.tables.layout import Column, Kind, Layout
from mnist_etc.data.tables.pixels import Fault, find_levels, read_columns, read_lists, to_levels, to_pictures
from mnist_etc.errors import DataError

__all__ = ["Rows", "Table", "read_rows"]


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

        Columns of pixels may be one NumPy array ``(n, columns)`` in their place.

        Raises:
            DataError: a row is damaged.
        """

    def refuse(self, row: int, cause: str) -> DataError:
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
    levels: Levels | None = None
    """What the numbers of its pixels were taken for."""


def read_rows(
    table: Table, layout: Layout, polarity: Polarity, *, start: int = 0, levels: Levels | None = None
) -> Iterator[Rows]:
    """Read a table, at most `PIECE` rows a piece.

    Args:
        table: is read from its beginning.
        layout: which columns hold what.
        polarity: decides on what ground transparent parts of pictures lie.
        start: the position of its first row.
        levels: what the numbers of its pixels stand for; None: its first rows tell.

    Raises:
        DataError: a row is damaged or no image; a picture that cannot be decoded is among the failures.
    """
    before = start
    for batch in table.batches(layout):
        others = len(layout.positions) - len(layout.image)
        pixels, failures = batch[: len(batch) - others], dict[int, DataError]()
        pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
        if table.columns[layout.image[0]].kind is Kind.picture:
            from mnist_etc.data.tables.pictures import decode

            pictures, failures = decode(pixels[0], table.place, start, polarity)
        elif len(batch[0]):
            try:
                values = read_columns(pixels) if layout.side else read_lists(pixels[0])
                levels = levels or find_levels(values, table.place)
                pictures = to_pictures(to_levels(values, levels), table.place)
            except Fault as fault:
                raise table.refuse(start + fault.row, fault.cause) from fault
        else:
            continue
        yield from _pieces(_rows(table, layout, batch, start, pictures, failures), levels)
        start += len(batch[0])
    if start == before:
        raise DataError(f"Expected images in {table.place}; received a table without a row. Replace the file.")


def _rows(
    table: Table,
    layout: Layout,
    batch: list[Any],
    start: int,
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    failures: Mapping[int, DataError],
) -> Rows:
    labels, owners, rest = None, None, batch[len(batch) - len(layout.positions) + len(layout.image) :]
    kept = [row for row in range(len(batch[0])) if row not in failures]
    if layout.label is not None:
        labels = encode(rest.pop(0), table.classes.get(table.columns[layout.label].name)).some(kept)
    if layout.owner is not None:
        owners = encode(rest.pop(0), None).some(kept).texts_of_rows()
    return Rows([start + row for row in kept], pictures, labels, owners, list(failures.values()))


def _pieces(rows: Rows, levels: Levels | None) -> Iterator[Rows]:
    """The same rows, at most `PIECE` each; failures come with the first."""
    for start in range(0, max(len(rows.positions), 1), PIECE):
        part = slice(start, start + PIECE)
        yield Rows(
            rows.positions[part],
            rows.pictures[part],
            None if rows.labels is None else rows.labels.some(part),
            None if rows.owners is None else rows.owners[part],
            [] if start else rows.failures,
            levels,
        )
