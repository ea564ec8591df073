"""Of the strongest attack under each policy: how near it comes where the answer is sure, and where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.metrics import ratio
from mnist_etc.attack.results import write_rows

__all__ = ["ConfidenceRow", "by_confidence", "write_by_confidence"]

TABLE = "confidence.csv"
LEVELS = 10
"""Different confidences that are told apart; of more, fifths of the targets are."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceRow:
    """Targets whose answers say about the same confidence."""

    model: str
    policy: str
    answers: int
    attack: str
    lowest: float
    """Confidence that the first answer names, at least."""
    highest: float
    targets: int
    of_floor: float
    """Mean squared error over that of the strongest attack on as many answers of the label alone."""
    of_floor_half: float
    """Half the width of its 95 % confidence interval."""


def by_confidence(
    confidences: NDArray[np.float32], errors: NDArray[np.float64], floor: NDArray[np.float64], **about: Any
) -> list[ConfidenceRow]:
    """A row for each level of confidence, or for each fifth where there are more than ten; the least sure first.

    Args:
        confidences: that the first answer about each target names, ``(t,)``.
        errors: of the attack, ``(t,)``.
        floor: of the attack on the label alone, ``(t,)``.
        about: the other fields of a row.
    """
    levels = np.unique(confidences)
    if len(levels) > LEVELS:
        rank = np.argsort(np.argsort(confidences, kind="stable"), kind="stable")
        group = rank * 5 // len(confidences)
    else:
        group = np.searchsorted(levels, confidences)
    rows = []
    for one in np.unique(group):
        chosen = group == one
        over, told = ratio(errors[chosen], floor[chosen]), confidences[chosen]
        rows.append(
            ConfidenceRow(
                lowest=float(told.min()),
                highest=float(told.max()),
                targets=int(chosen.sum()),
                of_floor=over.mean,
                of_floor_half=over.half,
                **about,
            )
        )
    return rows


def write_by_confidence(folder: Path, rows: Sequence[ConfidenceRow]) -> None:
    """As CSV."""
    write_rows(folder / TABLE, ConfidenceRow, rows)
