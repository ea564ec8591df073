"""Who is shown which question, and the questions that are chosen ahead."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from mnist_etc.errors import LabelError
from mnist_etc.labels.page.choice import Chooser
from mnist_etc.labels.pool import png
from mnist_etc.labels.rows import Question
from mnist_etc.labels.store import LabelStore

__all__ = ["Desk"]

HELD = 300.0
"""Seconds for which a question that is shown to one person is shown to no other."""
ITSELF = "labels serve"
"""Who asks what this page chooses."""


class Desk:
    """Shows each person a question of his own, and has new ones chosen, in a thread, before none is left.

    Args:
        store: whose questions people answer.
        batch: questions that are chosen at a time.
        clock: seconds.
    """

    def __init__(self, store: LabelStore, *, batch: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._batch, self._clock = store, batch, clock
        self._turn = threading.Lock()
        self._shown: dict[str, tuple[int, float]] = {}
        self._thread = ThreadPoolExecutor(1)
        self._choosing: Future[int] | None = None
        self._none_left = False
        pixels = [item.pixels for item in store.items()]
        self._chooser = Chooser(np.stack([one for one in pixels if one is not None]), len(store.names))

    def close(self) -> None:
        """Wait for a choice that is being made."""
        self._thread.shutdown()

    def answer(self, index: int, label: int, who: str) -> None:
        """Take an answer; see `LabelStore.answer`."""
        self._store.answer(index, label, who=who)

    def skip(self, index: int, who: str) -> None:
        """Take a skip; see `LabelStore.skip`."""
        self._store.skip(index, who=who)

    def undo(self, who: str) -> None:
        """Take back the last of these, and show that image again; see `LabelStore.undo`."""
        index = self._store.undo(who=who)
        with self._turn:
            self._shown[who] = (index, self._clock())

    def state(self, who: str) -> dict[str, Any]:
        """What the page shows to a person, as plain JSON types.

        Raises:
            LabelError: the database does not answer.
        """
        waiting, now = self._store.waiting(), self._store.status()
        payable = [one for one in waiting if now.left or self._store.is_paid(one.index, who)]
        question = self._question(payable, who)
        choosing = self._choose_ahead(len(waiting), now.left)
        why = ""
        if question is None and not choosing:
            why = f"The budget of {now.budget:,} labels is spent." if not now.left else "No image is left to ask about."
        return {
            "question": question and self._told(question),
            "choosing": choosing,
            "end": why,
            "classes": list(now.counts),
            "counts": list(now.counts.values()),
            **{key: getattr(now, key) for key in ("budget", "paid", "left", "answered", "skipped", "disagreements")},
            "waiting": len(waiting),
        }

    def _question(self, waiting: list[Question], who: str) -> Question | None:
        """The one that is shown to this person already, or else the first that is shown to nobody, if there is one."""
        with self._turn:
            now = self._clock()
            held = {index for other, (index, since) in self._shown.items() if other != who and now - since < HELD}
            own = self._shown.get(who, (None, 0.0))[0]
            free = [one for one in waiting if one.index not in held] or waiting
            question = next((one for one in free if one.index == own), free[0] if free else None)
            if question is None:
                self._shown.pop(who, None)
            else:
                self._shown[who] = (question.index, now)
            return question

    def _told(self, question: Question) -> dict[str, Any]:
        (item,) = self._store.items([question.index])
        if item.pixels is None:
            raise LabelError(f"Expected pixels of image {item.index} at {self._store.place}; received none.")
        picture = item.picture or png(item.pixels)
        return {
            "index": question.index,
            "file": item.file,
            "strategy": question.strategy,
            "score": question.score,
            "who": question.who,
            "image": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        }

    def _choose_ahead(self, waiting: int, left: int) -> bool:
        """Have questions chosen where few wait; whether that is going on.

        Raises:
            MnistEtcError: the last choice failed.
        """
        with self._turn:
            if self._choosing is not None and self._choosing.done():
                done, self._choosing = self._choosing, None
                self._none_left = done.result() == 0
            wanted = min(self._batch, left - waiting)
            if self._choosing is None and wanted > 0 and waiting <= self._batch // 4 and not self._none_left:
                self._choosing = self._thread.submit(self._choose, wanted)
            return self._choosing is not None

    def _choose(self, count: int) -> int:
        """Choose questions, and have them wait; how many there are."""
        others = np.array([*self._store.skipped(), *(one.index for one in self._store.waiting())], np.int64)
        strategy, choice = self._chooser.choose(*self._store.known(), others, count)
        try:
            self._store.ask(choice.indices, who=ITSELF, strategy=strategy, scores=choice.scores)
        except LabelError:
            if self._store.status().left > len(self._store.waiting()):
                raise
        return len(choice.indices)
