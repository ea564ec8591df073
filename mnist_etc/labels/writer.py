"""Rows of the ledger: written within one transaction, and read again."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, insert

from mnist_etc.labels.replay import Replay
from mnist_etc.labels.rows import Event, LedgerRow, chained
from mnist_etc.labels.tables import LEDGER

__all__ = ["Writer", "row_of"]

KINDS = tuple(column.type.python_type for column in LEDGER.c)


class Writer:
    """Adds rows to a ledger, each of which follows from the last.

    Args:
        connection: in a transaction that nobody else writes beside.
        replay: of all rows so far; it goes on with those that are added.
    """

    def __init__(self, connection: Connection, replay: Replay) -> None:
        self.connection, self._replay = connection, replay

    def add(
        self,
        event: Event,
        who: str,
        index: int | None = None,
        image: str | None = None,
        *,
        strategy: str | None = None,
        score: float | None = None,
        answer: int | None = None,
        undoes: int | None = None,
        cost: int = 0,
        budget: int | None = None,
    ) -> None:
        """Add one; what is not given is not said. ``budget``: the one of before, unless given."""
        row = LedgerRow(
            seq=self._replay.rows + 1,
            time=datetime.now(UTC).isoformat(timespec="microseconds"),
            who=who,
            event=event,
            index=index,
            image=image,
            strategy=strategy,
            score=score,
            answer=answer,
            undoes=undoes,
            cost=cost,
            paid=self._replay.paid + cost,
            budget=self._replay.budget if budget is None else budget,
            previous=self._replay.head,
            hash="",
        )
        row = replace(row, hash=chained(row))
        self.connection.execute(insert(LEDGER), {**vars(row), "event": event.value})
        self._replay.take(row)


def row_of(found: RowMapping) -> LedgerRow | None:
    """A row as the table has it; None where its event is none, or a value is of another kind than its column's."""
    known = found["event"] in {event.value for event in Event}
    if not known or not all(map(_fits, found.values(), KINDS)):
        return None
    return LedgerRow(**{**dict(found), "event": Event(found["event"])})


def _fits(value: object, kind: type) -> bool:
    """SQLite keeps a value of any kind in a column of any, and infinity."""
    return value is None or (isinstance(value, kind) and value not in (math.inf, -math.inf))
