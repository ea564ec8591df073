"""Training data in tables: ``data=csv`` and ``data=parquet``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.classes import list_names, natural_order
from mnist_etc.data.config import DataConfig, Polarity, Prepare
from mnist_etc.data.dataset import Split
from mnist_etc.data.owners import number_owners
from mnist_etc.data.prepare import prepare_all
from mnist_etc.data.tables.files import CSV, PARQUET, open_files
from mnist_etc.data.tables.layout import Layout, list_columns
from mnist_etc.data.tables.parts import Parts, find_parts
from mnist_etc.data.tables.stream import find_layout, whole_polarity
from mnist_etc.data.tables.table import Rows, Table, read_rows
from mnist_etc.errors import DataError

__all__ = ["TEST_SHARE", "read_csv", "read_parquet"]

TEST_SHARE = 5
"""Every fifth training image, as many as that are drawn, is a test image where no table holds test images."""


def read_csv(config: DataConfig, part: str) -> Split:
    """Read the part "train" or "test" of CSV files; see `_read`."""
    return _read(config, part, CSV, "csv")


def read_parquet(config: DataConfig, part: str) -> Split:
    """Read the part "train" or "test" of Parquet or Arrow files; see `_read`."""
    return _read(config, part, PARQUET, "parquet")


def _read(config: DataConfig, part: str, suffixes: Sequence[str], kind: str) -> Split:
    """Read a part; where there is no labeled test table, a fifth of the training images is held out.

    Args:
        config: ``train`` and ``test`` name the files, or ``root`` their folder; ``image_column``, ``label_column``,
            ``owners``, ``prepare`` and ``side`` are heeded.
        part: "train" or "test".
        suffixes: of the files that are searched for.
        kind: of the dataset, for messages.

    Raises:
        DataError: there is no such file, it is damaged, no image can be told, a row has no label or no figure.
    """
    files = find_parts(config, suffixes, kind)
    if files.test:
        table = open_files(files.test)
        layout = find_layout(table, image=config.image_column, label=_label_of(config, table, part="test"))
        if layout.label is not None:
            if part == "test":
                return _split(config, table, layout)
            return _training(config, files)
        reason = f"{table.place} has no labels"
    else:
        reason = f"no table of test images is beside {files.train[0]}"
    return _held_out(config, files, part, reason)


def _label_of(config: DataConfig, table: Table, *, part: str) -> str | None:
    """The column of labels that was asked for; a test table need not have it."""
    missing = part == "test" and config.label_column not in [column.name for column in table.columns]
    return None if missing else config.label_column


def _training(config: DataConfig, files: Parts) -> Split:
    table = open_files(files.train)
    owner = config.owners if config.owners in [column.name for column in table.columns] else None
    layout = find_layout(table, image=config.image_column, label=config.label_column, owner=owner)
    if layout.label is None:
        raise DataError(
            f"Expected a column of labels in {table.place}; received none that is named as labels are: "
            f"{list_columns(table.columns)}. Pass data.label_column=<its name>."
        )
    return _split(config, table, layout)


def _held_out(config: DataConfig, files: Parts, part: str, reason: str) -> Split:
    """The part of the training table that is trained on, or the fifth of it that is held out: the same in every run."""
    whole = _training(config, files)
    if config.owners is not None and whole.owners is None:
        raise DataError(
            f"Expected test images of their own with a file of owners, which has a line for each training image; "
            f"received none: {reason}. Pass data.test=<file>, or a column as data.owners."
        )
    chosen = np.zeros(len(whole), bool)
    generator = np.random.default_rng(0)
    if whole.owners is None:
        chosen[generator.permutation(len(whole))[: len(whole) // TEST_SHARE]] = True
    else:
        people = generator.permutation(int(whole.owners.max()) + 1)
        counts = np.bincount(whole.owners)[people]
        last = np.searchsorted(np.cumsum(counts), len(whole) // TEST_SHARE)
        chosen[np.isin(whole.owners, people[: last + 1])] = True
    if not 0 < chosen.sum() < len(whole):
        raise DataError(
            f"Expected enough rows in {files.train[0]} to hold test images out of them; received {len(whole):,}. "
            "Pass data.test=<file>."
        )
    if part == "test":
        print(f"{reason}: {chosen.sum():,} of {len(whole):,} training images are the test images", file=sys.stderr)
    return whole.some(chosen if part == "test" else ~chosen)


def _split(config: DataConfig, table: Table, layout: Layout) -> Split:
    images: list[NDArray[np.uint8]] = []
    texts: list[str] = []
    owners: list[str] = []
    polarity = None
    for rows in read_rows(table, layout, Polarity.auto):
        if polarity is None:
            polarity = whole_polarity(rows.pictures, config.prepare, Polarity.auto)
        if rows.failures:
            raise rows.failures[0]
        images.append(_prepared(rows, table, config.prepare, polarity, config.side))
        texts += _complete(rows.labels.texts_of_rows() if rows.labels else [], "label", rows, table)
        owners += _complete(rows.owners or [], "owner", rows, table)
    assert layout.label is not None
    names = tuple(table.classes.get(table.columns[layout.label].name, ())) or tuple(natural_order(set(texts)))
    if strange := [text for text in dict.fromkeys(texts) if text not in names]:
        raise DataError(
            f"Expected labels of the {len(names):,} classes that {table.place} states; received {list_names(strange)}. "
            "Correct them."
        )
    order = {name: number for number, name in enumerate(names)}
    labels = np.array([order[text] for text in texts], np.int64)
    return Split(np.concatenate(images), labels, number_owners(owners) if owners else None, names)


def _prepared(rows: Rows, table: Table, how: Prepare, polarity: Polarity, side: int) -> NDArray[np.uint8]:
    images = np.empty((len(rows.positions), side, side), np.uint8)
    for at, prepared in enumerate(prepare_all(rows.pictures, how, polarity, side=side)):
        if not len(prepared.images):
            raise table.refuse(rows.positions[at], "an empty sheet, without a figure,")
        images[at] = prepared.images[prepared.main]
    return images


def _complete(values: Sequence[str | None], what: str, rows: Rows, table: Table) -> list[str]:
    """The values, none of which is missing."""
    for position, value in zip(rows.positions, values, strict=False):
        if value is None or value == "":
            raise table.refuse(position, f"no {what}")
    return [value for value in values if value is not None]
