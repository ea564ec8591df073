"""What a database of labels tells without anything being paid."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from mnist_etc.errors import LabelError
from mnist_etc.labels.database import Database
from mnist_etc.labels.making import items_hash
from mnist_etc.labels.replay import Made, Replay
from mnist_etc.labels.rows import Event, LedgerRow, Question, Status
from mnist_etc.labels.tables import ITEMS, LEDGER
from mnist_etc.labels.writer import Writer, row_of

__all__ = ["Item", "LabelView"]

PIECE = 500
"""Images that are looked up at a time."""


@dataclass(frozen=True, eq=False)
class Item:
    """An image of the pool."""

    index: int
    image: str
    """SHA-256 of its pixels."""
    file: str | None
    pixels: NDArray[np.uint8] | None
    """``(side, side)``; None where the database knows the labels, since nobody has to see it."""
    picture: bytes | None
    """A PNG file of it as it was before its preparation."""


class LabelView:
    """What `mnist_etc.labels.store.LabelStore` tells.

    Its methods raise `LabelError` where the database does not answer, or a row of its ledger does not follow from those
    before.
    """

    def __init__(self, database: Database, made: Made) -> None:
        self._database, self._made = database, made
        self._turn = threading.RLock()
        self._replay = Replay(made, database.shown)

    @property
    def place(self) -> str:
        """The address of the database, without its password."""
        return self._database.shown

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in the order of their numbers."""
        return self._made.names

    @property
    def dataset(self) -> str:
        """SHA-256 of the images of the pool, as the database was made with it."""
        return self._made.dataset

    @property
    def side(self) -> int:
        """Pixels of each side of an image."""
        return self._made.side

    @property
    def knows(self) -> bool:
        """Whether the database knows the labels; else people answer."""
        return self._made.knows

    def __len__(self) -> int:
        """Images of the pool."""
        return self._made.size

    def known(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The images whose labels are known: indices ``(m,)`` in the order they were answered, and labels ``(m,)``."""
        with self._reading():
            indices = list(self._replay.answers)
            labels = [self._replay.label(index) for index in indices]
        return np.array(indices, np.int64), np.array(labels, np.int64)

    def waiting(self) -> list[Question]:
        """What waits for a person, in the order it was asked."""
        with self._reading():
            return self._replay.waiting()

    def skipped(self) -> NDArray[np.int64]:
        """Indices of the images that somebody skipped and nobody answered, which are not asked again."""
        with self._reading():
            return np.array(self._replay.skipped(), np.int64)

    def opinions(self) -> dict[int, dict[str, int]]:
        """The standing answer of each person by the index of the image; where the database answers, of nobody."""
        with self._reading():
            return {index: dict(by) for index, by in self._replay.answers.items()}

    def is_paid(self, index: int, who: str) -> bool:
        """Whether an answer of ``who`` to an image was paid already, so that another one is free."""
        with self._reading():
            return not self._replay.cost(index, who)

    def status(self) -> Status:
        """How far the database is spent."""
        with self._reading():
            replay = self._replay
            counts = Counter(replay.label(index) for index in replay.answers)
            return Status(
                dataset=self.dataset,
                images=len(self),
                knows=self.knows,
                budget=replay.budget,
                paid=replay.paid,
                answered=len(replay.answers),
                waiting=len(replay.waiting()),
                skipped=len(replay.skipped()),
                disagreements=sum(len(set(by.values())) > 1 for by in replay.answers.values()),
                counts={name: counts[number] for number, name in enumerate(self.names)},
                rows=replay.rows,
                head=replay.head,
            )

    def rows(self) -> Iterator[LedgerRow]:
        """Every row of the ledger, the first first, each read from the database."""
        return iter(self._rows_from(1))

    def verify(self) -> int:
        """Replay the whole ledger, and compare each row with the image, and the label, that it names.

        Returns:
            The number of paid answers that this proves.

        Raises:
            LabelError: names the first row that was altered, or the table of images.
        """
        replay, items = Replay(self._made, self.place), []
        columns = (ITEMS.c.index, ITEMS.c.image, ITEMS.c.label, ITEMS.c.file, ITEMS.c.pixels)
        with self._database.reading() as connection:
            for *item, pixels in connection.execute(select(*columns).order_by(ITEMS.c.index)):
                if pixels is not None and hashlib.sha256(pixels).hexdigest() != item[1]:
                    raise LabelError(
                        f"Expected the pixels of image {item[0]} at {self.place} to be those that it was made of; "
                        "received others. Go back to a copy."
                    )
                items.append(tuple(item))
        if items_hash(items) != self._made.items or len(items) != len(self):
            raise LabelError(
                f"Expected the images and labels at {self.place} to be those that it was made of; received others. Go "
                "back to a copy."
            )
        for row in self.rows():
            replay.take(row)
            if row.index is not None:
                _, image, label, _ = items[row.index]
                for name, expected, received in (
                    ("image", image, row.image),
                    ("answer", label if row.event is Event.ask else row.answer, row.answer),
                ):
                    if expected != received:
                        raise LabelError(
                            f"Expected {name} {expected} in row {row.seq:,} of the ledger at {self.place}; received "
                            f"{received}. Go back to a copy."
                        )
        self._require_rows(replay)
        return replay.paid

    def items(self, indices: Sequence[int] | None = None) -> list[Item]:
        """Images of the pool.

        Args:
            indices: which; None: all.
        """
        with self._database.reading() as connection:
            columns = (ITEMS.c.index, ITEMS.c.image, ITEMS.c.file, ITEMS.c.pixels, ITEMS.c.picture)
            if indices is None:
                rows = list(connection.execute(select(*columns).order_by(ITEMS.c.index)))
            else:
                pieces = [indices[start : start + PIECE] for start in range(0, len(indices), PIECE)]
                rows = [
                    row
                    for piece in pieces
                    for row in connection.execute(select(*columns).where(ITEMS.c.index.in_(piece)))
                ]
        shape = (self.side, self.side)
        return [
            Item(
                index, image, file, None if pixels is None else np.frombuffer(pixels, np.uint8).reshape(shape), picture
            )
            for index, image, file, pixels, picture in rows
        ]

    def _rows_from(self, first: int) -> list[LedgerRow]:
        """Rows from one on; what is no row of a ledger is refused."""
        with self._database.reading() as connection:
            return self._rows_of(connection, first)

    def _rows_of(self, connection: Connection, first: int) -> list[LedgerRow]:
        rows = []
        for found in connection.execute(select(LEDGER).where(LEDGER.c.seq >= first).order_by(LEDGER.c.seq)).mappings():
            row = row_of(found)
            if row is None:
                raise LabelError(
                    f"Expected a known event and values of their kinds in row {found['seq']} of the ledger at "
                    f"{self.place}; received {list(found.values())!r}. It was altered; go back to a copy."
                )
            rows.append(row)
        return rows

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold this object's state, brought up to the last row, for the block."""
        with self._turn:
            with self._database.reading() as connection:
                self._catch_up(connection)
            yield

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        """Yield what adds rows after the last one, all of which are written at the end of the block, or none."""
        with self._turn:
            try:
                with self._database.writing() as connection:
                    self._catch_up(connection)
                    yield Writer(connection, self._replay)
            except BaseException:
                self._replay = Replay(self._made, self.place)
                raise

    def _catch_up(self, connection: Connection) -> None:
        rows = self._rows_of(connection, max(self._replay.rows, 1))
        if self._replay.rows:
            if not rows or rows[0].hash != self._replay.head:
                raise LabelError(
                    f"Expected row {self._replay.rows:,} of the ledger at {self.place} as it was read before; received "
                    "another. It was altered; go back to a copy."
                )
            del rows[0]
        for row in rows:
            self._replay.take(row)
        self._require_rows(self._replay)

    def _require_rows(self, replay: Replay) -> None:
        if not replay.rows:
            raise LabelError(
                f"Expected a first row in the ledger at {self.place}; received none. It was removed; go back to a copy."
            )
