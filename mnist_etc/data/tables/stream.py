"""A table as ``input=``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.images import is_light
from mnist_etc.data.source import InputOptions, Part, Pictures, Source
from mnist_etc.data.tables.columnar import ParquetTable
from mnist_etc.data.tables.files import open_files, open_folder_table, require_columns
from mnist_etc.data.tables.labels import Naming
from mnist_etc.data.tables.layout import Column, Layout, choose
from mnist_etc.data.tables.table import Rows, Table, read_rows

__all__ = ["find_layout", "open_table", "whole_polarity"]


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
    pieces = read_rows(table, layout, options.polarity)
    notes = [] if layout.label is None else [f"labels: the column {table.columns[layout.label].name!r} of {path}"]
    first = next(pieces)
    if first.levels and not first.levels.obvious:
        notes.append(f"pixels of {path}: {first.levels}")
    polarity = whole_polarity(first.pictures, options.prepare, options.polarity)
    return Source("index", _pieces([first], pieces, Naming(options.names)), notes, polarity)


def _open_part(path: Path, options: InputOptions, part: Part) -> Source:
    """Open what `Part` says, and take it for what it is in the whole."""
    model = open_files([Path(part.like or path)])
    layout = find_layout(model, image=options.key, label=options.label_key)
    table: Table = ParquetTable(path, part.rows) if part.rows else open_files([path])
    require_columns(table, model)
    told, naming = next(read_rows(model, layout, options.polarity)), Naming(options.names)
    if told.labels is not None:
        naming.name(told.labels)
    start = part.rows[0] if part.rows else 0
    pieces = read_rows(table, layout, options.polarity, start=start, levels=told.levels)
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
    """Choose the columns of a table; see `choose`. Without names, its first rows tell a label at the end.

    Raises:
        DataError: as `choose`.
    """
    if table.named:
        return choose(table.columns, table.place, image=image, label=label, owner=owner)
    columns = list(table.columns)
    layout = choose(columns, table.place, image=image, label=label, owner=owner, named=False)
    at_the_end = layout.side and layout.label == 0 and len(columns) == len(layout.image) + 1 and label is None
    if at_the_end and _is_black(table, columns):
        layout = replace(layout, image=tuple(range(len(columns) - 1)), label=len(columns) - 1)
    return layout


def _is_black(table: Table, columns: list[Column]) -> bool:
    """Whether the first column is the same in all of the first rows, as a pixel of the ground is, and the last not."""
    ends = Layout(image=(), side=0, label=0, owner=len(columns) - 1)
    for first, last in table.batches(ends):
        return len(set(first.to_pylist())) == 1 and len(set(last.to_pylist())) > 1
    return False


def _pieces(first: list[Rows], pieces: Iterable[Rows], naming: Naming) -> Iterator[Pictures]:
    for rows in itertools.chain(first, pieces):
        names = [str(position) for position in rows.positions]
        labels = None if rows.labels is None else naming.name(rows.labels)
        yield Pictures(names, rows.pictures, labels, rows.failures)
