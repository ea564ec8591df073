"""What the rows of a ledger come to, taken in one by one; a row that does not follow from those before is refused."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import astuple, dataclass
from typing import Any, assert_never

from mnist_etc.errors import LabelError
from mnist_etc.labels.rows import Event, LedgerRow, Question, chained

__all__ = ["ORACLE", "Made", "Replay"]

ORACLE = ""
"""Who answers where the database knows the labels; nobody else has an empty name."""


@dataclass(frozen=True)
class Made:
    """What a database was made of: the one row of its table `mnist_etc.labels.tables.POOL`."""

    format: int
    dataset: str
    names: tuple[str, ...]
    size: int
    side: int
    knows: bool
    items: str
    """SHA-256 over the index, the image's SHA-256, the label and the file of each image."""

    @property
    def seal(self) -> str:
        """The hash that the first row of the ledger follows."""
        return hashlib.sha256(json.dumps(astuple(self), separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class _Done:
    """What a person did, and can take back."""

    seq: int
    event: Event
    index: int
    before: int | None
    """The label that his answer replaced."""


class Replay:
    """The state that rows lead to.

    Args:
        made: what the database was made of.
        place: of the database, for messages.
    """

    def __init__(self, made: Made, place: str) -> None:
        self._made, self._place = made, place
        self.rows, self.paid, self.budget, self.head = 0, 0, 0, made.seal
        self.answers: dict[int, dict[str, int]] = {}
        """Of each answered image the standing label of each who answered, in the order of their first answers."""
        self.questions: dict[int, Question] = {}
        """Every one that a person was asked."""
        self.skips: dict[int, set[str]] = {}
        self._charged: set[tuple[int, str]] = set()
        self._done: dict[str, list[_Done]] = {}

    def take(self, row: LedgerRow) -> None:
        """Go on by a row.

        Raises:
            LabelError: it does not follow from those before.
        """
        found = self._wrong(row)
        if found:
            expected, received = found
            raise LabelError(
                f"Expected {expected} in row {self.rows + 1:,} of the ledger at {self._place}; received {received}. It "
                "was altered, or one before it; go back to a copy."
            )
        self._apply(row)
        self.rows, self.paid, self.budget, self.head = row.seq, row.paid, row.budget, row.hash

    def label(self, index: int) -> int:
        """The standing label of an answered image: most people's; of as many for each, the first one's."""
        return Counter(self.answers[index].values()).most_common(1)[0][0]

    def waits(self, index: int) -> bool:
        """Whether a person is still to answer."""
        return index in self.questions and index not in self.answers and index not in self.skips

    def waiting(self) -> list[Question]:
        """What waits for a person, in the order in which it was asked."""
        return [question for index, question in self.questions.items() if self.waits(index)]

    def skipped(self) -> list[int]:
        """Images that somebody skipped and nobody answered."""
        return sorted(index for index in self.skips if index not in self.answers)

    def cost(self, index: int, who: str) -> int:
        """What an answer of ``who`` would cost."""
        return int((index, who) not in self._charged)

    def undoable(self, who: str) -> int | None:
        """The row that ``who`` would take back."""
        done = self._done.get(who)
        return done[-1].seq if done else None

    def undoes(self, who: str) -> int:
        """Of which image that row is."""
        return self._done[who][-1].index

    def _wrong(self, row: LedgerRow) -> tuple[str, object] | None:
        """What was expected and received, if the row does not follow."""
        answerer = ORACLE if row.event is Event.ask else row.who
        answers = row.event in (Event.ask, Event.answer)
        cost = self.cost(row.index, answerer) if answers and row.index is not None else 0
        expected: list[tuple[str, object, object]] = [
            ("seq", self.rows + 1, row.seq),
            ("previous", self.head, row.previous),
            ("hash", chained(row), row.hash),
            ("cost", cost, row.cost),
            ("paid", self.paid + cost, row.paid),
            ("event=init in the first row alone:", row.event is Event.init, self.rows == 0),
        ]
        if row.event not in (Event.init, Event.budget):
            expected.append(("budget", self.budget, row.budget))
            expected.append(("index in the pool:", True, row.index is not None and 0 <= row.index < self._made.size))
        if answers:
            known = row.answer is not None and 0 <= row.answer < len(self._made.names)
            expected.append(("answer as the number of a class:", True, known))
            expected.append(("event", Event.ask if self._made.knows else Event.answer, row.event))
        if row.event is Event.undo:
            expected.append(("undoes", self.undoable(row.who), row.undoes))
        for name, wanted, received in expected:
            if wanted != received:
                return f"{name} {_shown(wanted)}", _shown(received)
        return (f"at most {row.budget:,} paid", f"{row.paid:,}") if row.paid > row.budget else None

    def _apply(self, row: LedgerRow) -> None:
        if row.index is None:
            return
        match row.event:
            case Event.ask:
                self._answer(row.index, ORACLE, row.answer)
            case Event.answer:
                before = self.answers.get(row.index, {}).get(row.who)
                self._answer(row.index, row.who, row.answer)
                self._done.setdefault(row.who, []).append(_Done(row.seq, row.event, row.index, before))
            case Event.question:
                self.questions[row.index] = Question(
                    index=row.index, strategy=row.strategy or "", score=row.score or 0.0, who=row.who
                )
            case Event.skip:
                self.skips.setdefault(row.index, set()).add(row.who)
                self._done.setdefault(row.who, []).append(_Done(row.seq, row.event, row.index, None))
            case Event.undo:
                self._undo(self._done[row.who].pop(), row.who)
            case Event.init | Event.budget:
                pass
            case _:
                assert_never(row.event)

    def _answer(self, index: int, who: str, label: int | None) -> None:
        assert label is not None
        self.answers.setdefault(index, {})[who] = label
        self._charged.add((index, who))

    def _undo(self, done: _Done, who: str) -> None:
        if done.before is not None:
            self.answers[done.index][who] = done.before
            return
        kept: Any = self.skips if done.event is Event.skip else self.answers
        if done.event is Event.skip:
            self.skips[done.index].discard(who)
        else:
            del self.answers[done.index][who]
        if not kept[done.index]:
            del kept[done.index]


def _shown(value: object) -> object:
    return value.value if isinstance(value, Event) else value
