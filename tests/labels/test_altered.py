"""Whoever owns the database can alter it past its triggers; the replay tells."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from label_stores import IMAGES, Make, execute, made

from mnist_etc.errors import LabelError
from mnist_etc.labels.store import LabelStore
from mnist_etc.labels.tables import LEDGER

OTHER: dict[str, Callable[[str], str]] = {
    "INTEGER": lambda column: f"{column} + 1",
    "BIGINT": lambda column: f"{column} + 1",
    "DOUBLE": lambda column: f"{column} * 1.0000001",
    "VARCHAR(": lambda column: f"substr({column}, 1, length({column}) - 1) || '~'",
    "TEXT": lambda column: f"substr({column}, 1, length({column}) - 1) || '~'",
}
"""What makes a value another one, by how its type begins."""
ROW = {"undoes": 6, "strategy": 2, "score": 2}
"""A row that has something in the column; of the other columns row 3."""


def filled(make: Make) -> LabelStore:
    """Of seven rows: made, asked twice, answered, skipped, undone, answered."""
    store = make(budget=5, known=False)
    store.ask([4, 9], who="trainer", strategy="margin", scores=[0.25, 0.75])
    store.answer(4, 1, who="ada")
    store.skip(9, who="ada")
    store.undo(who="ada")
    store.answer(9, 2, who="ada")
    assert store.verify() == 2
    return store


@pytest.mark.parametrize("column", LEDGER.columns.keys())
def test_one_altered_value_in_any_column_is_found(make: Make, url: str, column: str) -> None:
    filled(make)
    kind = str(LEDGER.c[column].type.compile())
    other = next(change for begins, change in OTHER.items() if kind.startswith(begins))
    other = (lambda cost: f"1 - {cost}") if column == "cost" else other
    row = ROW.get(column, 4)
    if column == "seq":
        row = 7  # the last one, as no two may have the same number
    quoted = f'"{column}"'
    execute(url, f"UPDATE label_ledger SET {quoted} = {other(quoted)} WHERE seq = {row}", unguarded=True)
    with pytest.raises(LabelError, match=rf"in row {row} of the ledger"):
        LabelStore.open(url)


@pytest.mark.parametrize("change", ["answer = 'abc'", "\"index\" = 'abc'", "time = x'ff00'", "score = 9e999"])
def test_a_value_of_another_kind_is_found(tmp_path: Path, change: str) -> None:
    url = f"sqlite:///{tmp_path}/labels.db"
    filled(partial(made, url))
    execute(url, f"UPDATE label_ledger SET {change} WHERE seq = 4", unguarded=True)
    with pytest.raises(LabelError, match="in row 4 of the ledger"):
        LabelStore.open(url)


def test_a_ledger_without_a_row_is_found(make: Make, url: str) -> None:
    filled(make)
    execute(url, "DELETE FROM label_ledger", unguarded=True)
    with pytest.raises(LabelError, match="a first row in the ledger"):
        LabelStore.open(url)


@pytest.mark.parametrize("row", range(1, 7))
def test_a_row_that_is_gone_is_found(make: Make, url: str, row: int) -> None:
    store = filled(make)
    execute(url, f"DELETE FROM label_ledger WHERE seq = {row}", unguarded=True)
    with pytest.raises(LabelError, match=rf"seq {row} in row {row} of the ledger"):
        LabelStore.open(url)
    with pytest.raises(LabelError, match="of the ledger"):
        store.verify()


def test_a_last_row_that_is_gone_is_found_by_whoever_read_it(make: Make, url: str) -> None:
    store = filled(make)
    head = store.status().head
    execute(url, "DELETE FROM label_ledger WHERE seq = 7", unguarded=True)
    with pytest.raises(LabelError, match=r"row 7 of the ledger .* as it was read before"):
        store.status()
    assert LabelStore.open(url).status().head != head


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE label_pool SET dataset = 'other'",
        'UPDATE label_pool SET names = \'["cat","dog","fox"]\'',
        "UPDATE label_pool SET knows = NOT knows",
        "UPDATE label_pool SET size = 39",
    ],
)
def test_what_it_was_made_of_is_the_beginning_of_the_chain(make: Make, url: str, change: str) -> None:
    filled(make)
    execute(url, change, unguarded=True)
    with pytest.raises(LabelError, match=r"previous .* in row 1 of the ledger"):
        LabelStore.open(url)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE label_items SET label = 2 - label WHERE label = 2",
        "UPDATE label_items SET image = 'x' WHERE file IS NULL",
        "DELETE FROM label_items",
    ],
)
def test_labels_and_images_are_those_that_it_was_made_of(make: Make, url: str, change: str) -> None:
    store = make()
    store.ask([4], who="trainer", strategy="margin", scores=[0.5])
    execute(url, change, unguarded=True)
    with pytest.raises(LabelError, match=r"the images and labels .* that it was made of"):
        store.verify()


def test_pixels_are_those_of_the_image(make: Make, url: str) -> None:
    store = make(known=False)
    assert store.verify() == 0
    assert [item.pixels.tobytes() for item in store.items([3, 4]) if item.pixels is not None] == [
        IMAGES[3].tobytes(),
        IMAGES[4].tobytes(),
    ]
    pixels = "x'00'" if url.startswith("sqlite") else "'x'::bytea"
    execute(url, f"UPDATE label_items SET pixels = {pixels}", unguarded=True)
    with pytest.raises(LabelError, match="the pixels of image 0"):
        store.verify()


def test_a_rewritten_answer_is_held_against_the_label(url: str) -> None:
    """Its owner writes a chain of his own: what the database knows tells on him."""
    store = made(url)
    forged = LabelStore.open(url)
    forged._look_up = lambda connection, indices: dict.fromkeys(indices, ("0" * 64, 0))  # type: ignore[method-assign]
    forged.ask([1], who="trainer", strategy="margin", scores=[0.5])
    with pytest.raises(LabelError, match=r"image .* in row 2 of the ledger"):
        store.verify()
