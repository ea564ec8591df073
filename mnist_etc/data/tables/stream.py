"""A table as ``input=``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.ahead import read_ahead
from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.images import is_light
from mnist_etc.data.source import InputOptions, InputPart, Pictures, Source
from mnist_etc.data.tables.columnar import ParquetTable
from mnist_etc.data.tables.files import open_files, open_folder_table, require_columns
from mnist_etc.data.tables.labels import Naming
from mnist_etc.data.tables.layout import Layout, choose, numbered_stem
from mnist_etc.data.tables.table import Rows, Table, read_rows

__all__ = ["find_layout", "open_table", "whole_polarity"]

COUNTED = 20
"""Rows whose numbers are no labels; a table may hold one row of each class in order."""
AHEAD = 4
"""Pieces that wait to be classified: memory is held by as many."""


def open_table(path: Path, options: InputOptions) -> Source:
    """Open a CSV, Parquet or Arrow file, or a folder of them, as one stream of pictures.

    Args:
        path: of the file or folder.
        options: ``key`` names the column of the images, ``names`` the classes.

    Raises:
        DataError: it is no table, or no column or several of them fit.
    """
    if options.part is not None:
        return _open_part(path, options, options.part)
    table = open_folder_table(path) if path.is_dir() else open_files([path])
    layout = find_layout(table, image=options.key, label=options.label_key)
    notes = [] if layout.label is None else [f"labels: the column {table.columns[layout.label].name!r} of {path}"]
    if layout.label is None and not table.named and len(table.columns) > len(layout.image):
        notes.append(f"no labels: the column {table.columns[0].name!r} of {path} counts the rows")
    pieces = read_ahead(read_rows(table, layout, options.polarity), AHEAD)
    first = next(pieces)
    if first.levels and not first.levels.obvious:
        notes.append(f"pixels of {path}: {first.levels}")
    polarity = whole_polarity(first.pictures, options.prepare, options.polarity)
    return Source("index", _pieces([first], pieces, Naming(options.names)), notes, polarity)


def _open_part(path: Path, options: InputOptions, part: InputPart) -> Source:
    """Open what `InputPart` says, and take it for what it is in the whole."""
    model = open_files([Path(part.like or path)])
    layout = find_layout(model, image=options.key, label=options.label_key)
    table: Table = ParquetTable(path, part.rows) if part.rows else open_files([path])
    require_columns(table, model)
    told, naming = next(read_rows(model, layout, options.polarity)), Naming(options.names)
    if told.labels is not None:
        naming.name(told.labels)
    start = part.rows[0] if part.rows else 0
    pieces = read_ahead(read_rows(table, layout, options.polarity, start=start, levels=told.levels), AHEAD)
    polarity = whole_polarity(told.pictures, options.prepare, options.polarity)
    return Source("index", _pieces([], pieces, naming), (), polarity)


def whole_polarity(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], how: Prepare, polarity: Polarity
) -> Polarity:
    """The polarity of all pictures of a table, told by most of its first ones, where whole pictures are taken.

    A picture alone would be inverted where the thing it shows reaches its border.
    """
    if how is not Prepare.none or polarity is not Polarity.auto or not len(pictures):
        return polarity
    light = [bool(is_light(picture[None])[0]) for picture in pictures]
    return Polarity.dark_on_light if 2 * sum(light) > len(light) else Polarity.light_on_dark


def find_layout(
    table: Table, *, image: str | None = None, label: str | None = None, owner: str | None = None
) -> Layout:
    """Choose the columns of a table; see `choose`.

    Where no name tells the label from the pixels, the first rows do: whether it is the first column or the last, and
    whether it counts the rows and is no label.

    Raises:
        DataError: as `choose`.
    """
    columns = table.columns
    layout = choose(columns, table.place, image=image, label=label, owner=owner, named=table.named)
    if not layout.side or layout.label is None or label is not None:
        return layout
    stem = numbered_stem(columns[layout.label])
    if stem is None or stem != numbered_stem(columns[layout.image[0]]):
        return layout
    first, last = _first_rows(table, layout.label, layout.image[-1])
    if len(set(first)) == 1 and len(set(last)) > 1:
        return replace(layout, image=(layout.label, *layout.image[:-1]), label=layout.image[-1])
    return replace(layout, label=None) if _counts(first) else layout


def _first_rows(table: Table, *places: int) -> list[list[str | None]]:
    """The cells of two columns in the first rows: a pixel of the ground is the same in all of them, and a label not."""
    ends = Layout(image=(), side=0, label=places[0], owner=places[1])
    return [cells.to_pylist() for cells in next(iter(table.batches(ends)), [])] or [[], []]


def _counts(cells: list[str | None]) -> bool:
    """Whether cells are the numbers of many rows, from 0 or from 1."""
    return len(cells) >= COUNTED and any(
        cells == [str(number) for number in range(start, start + len(cells))] for start in (0, 1)
    )


def _pieces(first: list[Rows], pieces: Iterable[Rows], naming: Naming) -> Iterator[Pictures]:
    for rows in itertools.chain(first, pieces):
        names = [str(position) for position in rows.positions]
        labels = None if rows.labels is None else naming.name(rows.labels)
        yield Pictures(names, rows.pictures, labels, rows.failures)
