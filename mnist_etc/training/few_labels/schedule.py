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
    def of(cls, labels: LabelsConfig, classes: int) -> Schedule:
        """That of a budget, those of ``labels.validation`` taken off.

        The regression's rounds grow by a factor until half of the budget is spent; the other half is spent in
        ``labels.rounds`` equal parts, each after a fit of the network.
        """
        budget = (labels.budget or 0) - labels.validation
        rounds = labels.rounds if budget >= SMALLEST * classes else 0
        first = max(min(labels.start, budget), budget // 2) if rounds else budget
        cheap = [min(labels.start, first)]
        while cheap[-1] < first:
            cheap.append(min(max(cheap[-1] + 1, int(cheap[-1] * labels.growth)), first))
        parts = rounds if first < budget else 0
        return cls(tuple(cheap), tuple(first + (budget - first) * part // max(parts, 1) for part in range(parts + 1)))


SMALLEST = 10
"""Labels a class from which on the network chooses too; before, it knows little more than its teacher."""
