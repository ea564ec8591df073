"""What a database of labels takes: names, scores and budgets that any backend keeps as they are."""

from __future__ import annotations

import math

from mnist_etc.errors import LabelError

__all__ = ["checked_budget", "checked_name", "finite"]

LONGEST = 100
"""Characters of a name, of a person or a strategy."""
MOST = 10**9
"""Labels."""


def checked_name(text: str, what: str) -> str:
    """The name of a person or a strategy.

    Raises:
        LabelError: it is empty, too long, or not on one line.
    """
    if not (1 <= len(text) <= LONGEST and text.isprintable() and text.strip()):
        raise LabelError(f"Expected {what} as 1 to {LONGEST} characters on one line; received {text[:LONGEST]!r}.")
    return text


def checked_budget(budget: int) -> int:
    """Labels that may be paid.

    Raises:
        LabelError: it is negative, or more than a database counts to.
    """
    if not 0 <= budget <= MOST:
        raise LabelError(f"Expected a budget from 0 to {MOST:,}; received {budget:,}. Correct it.")
    return int(budget)


def finite(score: float) -> float:
    """A score as every backend keeps it: SQLite has no NaN and no sign of zero.

    Raises:
        ValueError: it is not finite.
    """
    if not math.isfinite(score):
        raise ValueError(f"Expected finite scores; received {score}.")
    return float(score) + 0.0
