"""The answers as a table: a row an image, a column each of what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.inputs import EMPTY, Batch
from mnist_etc.inference.labels import Labeled

__all__ = ["COLUMNS", "DECIMALS", "Answers", "answers", "columns"]

COLUMNS = ("predicted", "class", "probability", "label", "warning", "distance")
"""After the image's own, which is its position or its file."""
T = TypeVar("T")
DECIMALS = {"probability": 6, "distance": 3}
"""Digits after the point, where a form has text."""


def columns(key: str, top: int) -> list[str]:
    """Names of the columns: ``key``, `COLUMNS`, and with ``top`` above 1 those of the classes that follow the best."""
    return [key, *COLUMNS, *(f"{name}_{rank}" for rank in range(2, top + 1) for name in ("predicted", "probability"))]


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to one batch, a value an image in each list; what is unknown is None."""

    names: list[str]
    predicted: list[str | None]
    """Names of the classes."""
    classes: list[int | None]
    """Their numbers."""
    probability: list[float | None]
    labels: list[str | None]
    warnings: list[str | None]
    distance: list[float | None]
    following: list[tuple[list[str | None], list[float | None]]] = field(default_factory=list)
    """Names and probabilities of the classes of rank 2, 3, and so on."""

    def values(self) -> list[list[Any]]:
        """All columns, in the order of `columns`."""
        own: list[list[Any]] = [self.names, self.predicted, self.classes, self.probability]
        own += [self.labels, self.warnings, self.distance]
        return [*own, *(column for pair in self.following for column in pair)]

    def lines(self) -> list[str]:
        """Format each row for a terminal: ``photo.png: 7 (0.98), several``."""
        said, ranked = [], [(self.predicted, self.probability), *self.following]
        for row, (name, warning) in enumerate(zip(self.names, self.warnings, strict=True)):
            best = [(names[row], numbers[row]) for names, numbers in ranked]
            told = [one if share is None else f"{one} ({share:.2f})" for one, share in best if one is not None]
            said.append(f"{_printable(name)}: " + ", ".join([*told, *filter(None, [warning])]))
        return said


def answers(
    batch: Batch,
    probabilities: NDArray[np.float32],
    names: Sequence[str],
    *,
    labeled: Labeled | None = None,
    distances: NDArray[np.float64] | None = None,
    top: int = 1,
) -> Answers:
    """Make the table of one batch.

    Args:
        batch: The images, ``n`` of them.
        probabilities: Their class probabilities, ``(n, classes)``.
        names: Of the classes.
        labeled: Their labels, or None where there are none.
        distances: Their distances from the training data, ``(n,)``, or None where nobody knows them.
        top: Classes to name. Of classes that are equally probable, as a policy that tells less makes them, none is
            before the other, so none is named but the predicted one.
    """
    count, best = len(batch.names), probabilities.argmax(axis=1)
    silent = np.array([warning == EMPTY for warning in batch.warnings], bool)
    chosen = probabilities[np.arange(count), best]
    return Answers(
        names=batch.names,
        predicted=_named(best, names, silent),
        classes=_known(best.tolist(), silent),
        probability=_known(chosen.tolist(), silent | np.isnan(chosen)),
        labels=[None] * count if labeled is None else labeled.texts,
        warnings=[warning or None for warning in batch.warnings],
        distance=[None] * count if distances is None else _known(distances.tolist(), ~np.isfinite(distances)),
        following=_following(probabilities, names, silent, top) if top > 1 else [],
    )


def _following(
    probabilities: NDArray[np.float32], names: Sequence[str], silent: NDArray[np.bool_], top: int
) -> list[tuple[list[str | None], list[float | None]]]:
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, : top + 1]
    ordered = np.take_along_axis(probabilities, order, axis=1)
    falls = ordered[:, :-1] > ordered[:, 1:]
    if order.shape[1] <= top:  # the last of all classes is followed by none
        falls = np.concatenate([falls, np.ones((len(falls), 1), bool)], axis=1)
    found: list[tuple[list[str | None], list[float | None]]] = []
    for rank in range(1, top):
        if rank >= order.shape[1]:
            found.append(([None] * len(order), [None] * len(order)))
            continue
        untold = silent | ~(falls[:, rank] & falls[:, rank - 1])
        found.append((_named(order[:, rank], names, untold), _known(ordered[:, rank].tolist(), untold)))
    return found


def _named(numbers: NDArray[np.int64], names: Sequence[str], unknown: NDArray[np.bool_]) -> list[str | None]:
    return _known([names[number] for number in numbers.tolist()], unknown)


def _known(values: list[T], unknown: NDArray[np.bool_]) -> list[T | None]:
    known: list[T | None] = list(values)
    for row in np.flatnonzero(unknown).tolist():
        known[row] = None
    return known


def _printable(name: str) -> str:
    """The name of a file on one line of any terminal: what cannot be shown, or moves the cursor, as its bytes."""
    if name.isprintable():
        return name
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)
