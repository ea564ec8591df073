"""How the labels grow from round to round, and who chooses in which."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.labels.config import LabelsConfig

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Numbers of labels to learn from, ascending."""

    by_regression: tuple[int, ...]
    """At the end of each round that the regression chooses in; it takes seconds."""
    by_network: tuple[int, ...]
    """At the start of each fit of the network, the first being the last of `by_regression`."""

    @classmethod
    def of(cls, labels: LabelsConfig) -> Schedule:
        """That of a budget, those of ``labels.validation`` taken off.

        The regression's rounds grow by a factor. What is left to the network is spent in equal parts before each of its
        fits but the first.
        """
        budget = (labels.budget or 0) - labels.validation
        parts = labels.lessons - 1
        first = max(min(labels.start, budget), budget - round(budget * labels.network_share) * bool(parts))
        by_regression = [min(labels.start, first)]
        while by_regression[-1] < first:
            before = by_regression[-1]
            by_regression.append(min(max(before + 1, int(before * labels.growth)), first))
        by_network = [first + (budget - first) * part // max(parts, 1) for part in range(parts + 1)]
        return cls(tuple(by_regression), tuple(by_network))
