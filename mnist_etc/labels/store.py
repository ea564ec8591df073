"""The database of labels, through which alone a training reaches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.rows import LedgerRow, Question, Status

__all__ = ["LabelStore"]


class LabelStore:
    """SIGNATURES ONLY so far; the real one follows on this branch."""

    names: tuple[str, ...]
    """Of the classes, in the order of their numbers."""
    dataset: str
    """SHA-256 of the images of the pool."""
    knows: bool
    """The database knows the labels; else people answer."""

    @classmethod
    def create(
        cls,
        url: str,
        *,
        images: NDArray[np.uint8],
        names: Sequence[str],
        labels: NDArray[np.int64] | None,
        budget: int,
        dataset: str,
        who: str = "init",
        files: Sequence[str] | None = None,
    ) -> LabelStore:
        """LabelError: there is one already, or the place cannot be written. ``files``: names of the images, to show."""
        raise NotImplementedError

    @classmethod
    def open(cls, url: str, *, dataset: str | None = None) -> LabelStore:
        """LabelError: down, none there, of another dataset, or a row of its ledger does not follow from those before."""
        raise NotImplementedError

    def ask(self, indices: Sequence[int], *, who: str, strategy: str, scores: Sequence[float]) -> dict[int, int]:
        """Index to label. Known labels: all at once; LabelError where the budget does not suffice: nothing is paid.
        Without: makes questions that wait, returns those answered. Scores must be finite (ValueError).
        An image that a person skipped is not asked again, and is not in the answer: leave `skipped` out of a choice."""
        raise NotImplementedError

    def known(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices in the order they were answered, and labels."""
        raise NotImplementedError

    def skipped(self) -> NDArray[np.int64]:
        """Indices that people could not tell."""
        raise NotImplementedError

    def waiting(self) -> list[Question]: raise NotImplementedError
    def answer(self, index: int, label: int, *, who: str) -> None: raise NotImplementedError
    def answer_all(self, answers: Mapping[int, int], *, who: str) -> int: raise NotImplementedError
    def skip(self, index: int, *, who: str) -> None: raise NotImplementedError
    def undo(self, *, who: str) -> int: raise NotImplementedError
    def extend(self, budget: int, *, who: str) -> None: raise NotImplementedError
    def status(self) -> Status: raise NotImplementedError
    def rows(self) -> Iterator[LedgerRow]: raise NotImplementedError
    def verify(self) -> int: raise NotImplementedError
