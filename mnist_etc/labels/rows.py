"""What a database of labels tells: questions that wait, rows of its ledger, and how far it is spent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import Enum

__all__ = ["Event", "LedgerRow", "Question", "Status", "chained"]


class Event(Enum):
    """What a row of the ledger records."""

    init = "init"
    """The database was made; the row before the first is what it was made of."""
    budget = "budget"
    """More labels may be paid than before."""
    ask = "ask"
    """The database, which knows the labels, told one; it is paid."""
    question = "question"
    """A person is to answer; nothing is paid yet."""
    answer = "answer"
    """A person did. It is paid, unless the same person was paid for this image before."""
    skip = "skip"
    """A person cannot tell; nothing is paid, and nobody is asked again."""
    undo = "undo"
    """A person takes back an answer or a skip, the row ``undoes``. What was paid stays paid."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One that waits for a person."""

    index: int
    """Of the image, in the order of the pool."""
    strategy: str
    """Why it is asked."""
    score: float
    """By which the strategy preferred it; what it means is the strategy's."""
    who: str
    """Asks."""


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A row of the ledger, which is only ever added to; the fields in the order in which they are hashed."""

    seq: int
    """From 1, without a gap."""
    time: str
    """ISO 8601, UTC."""
    who: str
    event: Event
    index: int | None
    """Of the image; None where the row is about none."""
    image: str | None
    """SHA-256 of its pixels, hexadecimal."""
    strategy: str | None
    score: float | None
    answer: int | None
    """The number of the class."""
    undoes: int | None
    """The row that an undo takes back."""
    cost: int
    """Labels paid by this row: 0 or 1."""
    paid: int
    """Labels paid up to and with this row."""
    budget: int
    """Labels that may be paid, from this row on."""
    previous: str
    """The hash of the row before; of the first, that of what the database was made of."""
    hash: str
    """SHA-256 of all the other fields."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a database is spent."""

    dataset: str
    """SHA-256 of the images of the pool."""
    images: int
    knows: bool
    """The database knows the labels itself; people are not asked."""
    budget: int
    paid: int
    answered: int
    """Images with a label: fewer than are paid where a paid answer was undone or a second person gave his."""
    waiting: int
    skipped: int
    disagreements: int
    """Images on which the standing answers of two people differ."""
    counts: Mapping[str, int]
    """Answered images of each class, by its name."""
    rows: int
    head: str
    """The hash of the last row: whoever keeps it can tell later that nothing before it was altered."""

    @property
    def left(self) -> int:
        """Labels that may still be paid."""
        return self.budget - self.paid


def chained(row: LedgerRow) -> str:
    """The hash that ``row`` has to have: SHA-256 of its fields but the last, as JSON."""
    *fields, _ = astuple(row)
    fields[3] = row.event.value
    return hashlib.sha256(json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()).hexdigest()
