"""Questions to the database until enough labels are known; where people answer, a wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnist_etc.errors import LabelError
from mnist_etc.labels.store import LabelStore
from mnist_etc.labels.strategies.pool import Choice
from mnist_etc.training.few_labels.database import WHO

__all__ = ["Questions"]

Numbers = npt.NDArray[np.int64]
PAUSE = 1.0
"""Seconds between two looks at the answers of people."""
VALIDATION = "validation"
"""As a strategy: drawn at random, to choose between settings by."""


Choose = Callable[[Numbers, Numbers, Numbers, int], tuple[str, Choice]]
"""From places whose labels are known, these, places that cannot be asked about, and how many more: the name of a
strategy, and its choice."""


class Questions:
    """What is known, and how more comes to be.

    Args:
        store: answers.
        images: how many there are.
        validation: labels that are asked at random, and kept apart.
        seed: of those.
        wait: for people; else `LabelError` ends the command.
    """

    def __init__(self, store: LabelStore, images: int, *, validation: int, seed: int, wait: bool) -> None:
        self._store, self._wait, self._validation = store, wait, validation
        self._order = np.random.default_rng([seed, images]).permutation(images)

    @property
    def apart(self) -> Numbers:
        """Places ``(v,)``, ascending, of the labels that are kept apart: the first drawn that nobody skipped."""
        if not self._validation:
            return self._order[:0]
        return np.sort(self._order[~np.isin(self._order, self._store.skipped())][: self._validation])

    def known(self) -> tuple[Numbers, Numbers]:
        """Places ``(m,)`` and labels ``(m,)`` to learn from, in the order in which they were answered."""
        places, labels = self._store.known()
        own = ~np.isin(places, self.apart)
        return places[own], labels[own]

    def validation(self) -> tuple[Numbers, Numbers]:
        """The places `apart` and their labels, both ``(v,)``, asked once and counted.

        Raises:
            LabelError: see `reach`.
        """

        def enough() -> bool:
            apart, known = self.apart, self._store.known()[0]
            missing = np.setdiff1d(apart, known).tolist()
            if len(apart) < self._validation:
                raise self._too_few(self._validation, len(apart))
            if missing:
                self._store.ask(missing, who=WHO, strategy=VALIDATION, scores=[0.0] * len(missing))
            return len(np.setdiff1d(apart, self._store.known()[0])) == 0

        self._until(enough, self._validation)
        apart, found = self.apart, dict(zip(*(one.tolist() for one in self._store.known()), strict=True))
        return apart, np.array([found[place] for place in apart.tolist()], np.int64)

    def reach(self, count: int, choose: Choose) -> tuple[Numbers, Numbers]:
        """The first ``count`` labels to learn from, once they are known; as many as are missing are asked.

        Raises:
            LabelError: the budget does not suffice, people skipped too many images, or they have yet to answer and
                nobody waits for them.
        """

        def enough() -> bool:
            asked, labels = self.known()
            waiting = [question.index for question in self._store.waiting()]
            missing = count - len(asked) - len(waiting)
            if missing > 0:
                out = np.setdiff1d([*waiting, *self._store.skipped(), *self.apart], asked).astype(np.int64)
                free = self._store.status().images - len(asked) - len(out)
                if free:
                    strategy, choice = choose(asked, labels, out, min(missing, free))
                    self._store.ask(choice.indices.tolist(), who=WHO, strategy=strategy, scores=choice.scores.tolist())
                elif not waiting:
                    raise self._too_few(count, len(asked))
            return len(self.known()[0]) >= count

        self._until(enough, count)
        asked, labels = self.known()
        return asked[:count], labels[:count]

    def _too_few(self, count: int, answered: int) -> LabelError:
        return LabelError(
            f"Expected {count:,} answers in {self._store.place}; received {answered:,}, and no image is left to ask "
            f"about: {len(self._store.skipped()):,} were skipped. Pass a smaller labels.budget."
        )

    def _until(self, enough: Callable[[], bool], count: int) -> None:
        """Return once ``enough``; where people answer, after a line and a wait."""
        told = False
        while not enough():
            status, serve = self._store.status(), f"python -m mnist_etc labels serve labels.url={self._store.place}"
            if not self._wait:
                raise LabelError(
                    f"Expected {count:,} answers in {self._store.place}; received {status.answered:,}, and "
                    f"{status.waiting:,} questions wait for people. Answer them: {serve}; then run this command again."
                )
            if not told:
                print(
                    f"labels: {status.waiting:,} questions wait for people, {status.answered:,} are answered. Answer "
                    f"them: {serve}",
                    flush=True,
                )
            told = True
            time.sleep(PAUSE)
