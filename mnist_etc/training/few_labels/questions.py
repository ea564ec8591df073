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


Choose = Callable[[Numbers, Numbers, int], Choice]
"""From places asked about, their labels, and how many more: what to ask."""


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
        self._store, self._wait = store, wait
        drawn = np.random.default_rng([seed, images]).permutation(images)[:validation]
        self.apart: Numbers = np.sort(drawn)
        """Places ``(v,)`` of the labels that are kept apart."""

    def known(self) -> tuple[Numbers, Numbers]:
        """Places ``(m,)`` and labels ``(m,)`` to learn from, in the order in which they were answered."""
        places, labels = self._store.known()
        own = ~np.isin(places, self.apart)
        return places[own], labels[own]

    def validation(self) -> Numbers:
        """The labels ``(v,)`` of the places `apart`, asked once and counted."""
        scores = np.zeros(len(self.apart))

        def answered() -> dict[int, int]:
            places, labels = self._store.known()
            return dict(zip(places.tolist(), labels.tolist(), strict=True))

        if missing := [place for place in self.apart.tolist() if place not in answered()]:
            self._store.ask(missing, who=WHO, strategy=VALIDATION, scores=scores[: len(missing)].tolist())
        self._until(lambda: bool(np.isin(self.apart, [*answered()]).all()), len(self.apart))
        found = answered()
        return np.array([found[place] for place in self.apart.tolist()], np.int64)

    def reach(self, count: int, strategy: str, choose: Choose) -> tuple[Numbers, Numbers]:
        """The first ``count`` labels to learn from, once they are known; as many as are missing are asked.

        Raises:
            LabelError: the budget does not suffice, or people have yet to answer and nobody waits for them.
        """

        def enough() -> bool:
            asked, labels = self.known()
            waiting = [question.index for question in self._store.waiting()]
            missing = count - len(asked) - len(waiting)
            if missing > 0:
                out = np.setdiff1d([*waiting, *self._store.skipped(), *self.apart], asked).astype(np.int64)
                choice = choose(asked, labels, min(missing + len(out), self._images(asked)))
                new = ~np.isin(choice.indices, out)
                self._store.ask(
                    choice.indices[new][:missing].tolist(),
                    who=WHO,
                    strategy=strategy,
                    scores=choice.scores[new][:missing].tolist(),
                )
            return len(self.known()[0]) >= count

        self._until(enough, count)
        asked, labels = self.known()
        return asked[:count], labels[:count]

    def _images(self, asked: Numbers) -> int:
        """Images that can still be asked about."""
        return self._store.status().images - len(asked)

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
