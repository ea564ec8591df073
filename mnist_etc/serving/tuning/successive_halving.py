"""Successive halving over candidates (Jamieson and Talwalkar 2016, arXiv:1502.07943)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement
from mnist_etc.serving.tuning.trials import Trials

__all__ = ["rank", "successive_halving"]

FIRST_ROUNDS = 2
"""Rounds before any candidate is given up: none is judged by one measurement."""
ETA = 3
"""The elimination rate: one of so many candidates is kept after a rung."""


def rank(trials: Trials, several: Sequence[Candidate], concurrency: int, p99_milliseconds: float) -> list[Candidate]:
    """Sort candidates, best first: by throughput those under the latency bound, then, by latency, the others."""

    def key(candidate: Candidate) -> tuple[bool, float]:
        p99 = trials.median(candidate, concurrency, "p99") / 1000
        late = p99 > p99_milliseconds
        return late, p99 if late else -trials.median(candidate, concurrency, "images_per_second")

    return sorted(several, key=key)


def successive_halving(
    trials: Trials,
    several: Sequence[Candidate],
    measure: Callable[[Candidate, Sequence[int]], dict[int, Measurement]],
    *,
    concurrency: Sequence[int],
    p99_milliseconds: float,
    rounds: int,
    survivors: int,
) -> list[Candidate]:
    """Measure all twice, keep the best third, and so on with twice the rounds; the last ones at every concurrency.

    Within a round the candidates are measured in turn, each round in another order, so that what the machine does
    beside falls on all of them.

    Args:
        trials: Takes the measurements, and has those of a search that was stopped.
        several: The candidates to start from.
        measure: Serves a candidate and measures it at each concurrency.
        concurrency: Requests in flight; the last value decides.
        p99_milliseconds: The latency bound, as `rank` takes it.
        rounds: Rounds of the last candidates.
        survivors: The number of the last candidates.

    Returns:
        The last candidates, best first.
    """
    left, wanted = list(several), FIRST_ROUNDS
    while True:
        last = len(left) <= survivors
        levels = concurrency if last else concurrency[-1:]
        wanted = rounds if last else min(wanted, rounds)
        for number in range(wanted):
            for index in np.random.default_rng(number).permutation(len(left)):
                missing = [level for level in levels if trials.rounds(left[index], level) <= number]
                if missing:
                    trials.add(left[index], measure(left[index], missing))
        left = rank(trials, left, concurrency[-1], p99_milliseconds)
        if last:
            return left
        left = left[: max(survivors, math.ceil(len(left) / ETA))]
        wanted *= 2
