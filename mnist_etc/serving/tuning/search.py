"""Successive halving over candidates (Jamieson and Talwalkar 2016, arXiv:1502.07943), from measurements on record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mnist_etc.errors import ConfigError
from mnist_etc.files import read_limited, write_bytes
from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement

__all__ = ["Record", "halve", "rank"]

LIMIT = 2**26
FIRST = 2
"""Rounds before any candidate is given up: none is judged by one measurement."""
ETA = 3
"""One of so many candidates is kept after a round."""
Measure = Callable[[Candidate, Sequence[int]], dict[int, Measurement]]


@dataclass
class Record:
    """Every measurement, written to ``path`` as it is made, so that a search goes on where it was stopped."""

    path: Path
    about: dict[str, Any]
    """What the measurements are of; a record of something else is refused."""
    cells: dict[tuple[str, int], list[Measurement]] = field(default_factory=dict)
    """By candidate's name and concurrency, in the order of the rounds."""

    def load(self, *, force: bool) -> None:
        """Take up what was measured before.

        Raises:
            ConfigError: it was measured of another model, on another machine or with other settings.
        """
        if force or not self.path.exists():
            return
        content = json.loads(read_limited(self.path, LIMIT))
        if content["about"] != self.about:
            changed = [key for key in self.about if self.about[key] != content["about"].get(key)]
            raise ConfigError(
                f"Expected {self.path} of this search; received one with another {', '.join(changed)}. "
                "Pass output=<another folder>, or force=true to measure anew."
            )
        for row in content["measurements"]:
            self.cells.setdefault((row["candidate"], row["concurrency"]), []).append(Measurement(**row["figures"]))

    def add(self, candidate: Candidate, measured: dict[int, Measurement]) -> None:
        """Keep what was measured at each concurrency, on disk too."""
        for concurrency, figures in measured.items():
            self.cells.setdefault((candidate.name, concurrency), []).append(figures)
        rows = [
            {"candidate": name, "concurrency": concurrency, "figures": asdict(figures)}
            for (name, concurrency), several in self.cells.items()
            for figures in several
        ]
        write_bytes(self.path, (json.dumps({"about": self.about, "measurements": rows}) + "\n").encode(), key="output")

    def rounds(self, candidate: Candidate, concurrency: int) -> int:
        """In how many rounds it was measured so far."""
        return len(self.cells.get((candidate.name, concurrency), []))

    def middle(self, candidate: Candidate, concurrency: int, name: str) -> float:
        """The median over its rounds of one figure."""
        return float(median(getattr(one, name) for one in self.cells[candidate.name, concurrency]))


def rank(record: Record, several: Sequence[Candidate], concurrency: int, p99_milliseconds: float) -> list[Candidate]:
    """Best first: by throughput those under the latency bound, then, by latency, the others."""

    def key(candidate: Candidate) -> tuple[bool, float]:
        p99 = record.middle(candidate, concurrency, "p99") / 1000
        late = p99 > p99_milliseconds
        return late, p99 if late else -record.middle(candidate, concurrency, "images_per_second")

    return sorted(several, key=key)


def halve(
    record: Record,
    several: Sequence[Candidate],
    measure: Measure,
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
        record: takes the measurements, and has those of a search that was stopped.
        several: where to start.
        measure: serves a candidate and measures it at each concurrency.
        concurrency: the last decides.
        p99_milliseconds: see `rank`.
        rounds: of the last candidates.
        survivors: how many of them.

    Returns:
        The last candidates, best first.
    """
    left, wanted = list(several), FIRST
    while True:
        last = len(left) <= survivors
        levels = concurrency if last else concurrency[-1:]
        wanted = rounds if last else min(wanted, rounds)
        for number in range(wanted):
            for index in np.random.default_rng(number).permutation(len(left)):
                missing = [level for level in levels if record.rounds(left[index], level) <= number]
                if missing:
                    record.add(left[index], measure(left[index], missing))
        left = rank(record, left, concurrency[-1], p99_milliseconds)
        if last:
            return left
        left = left[: max(survivors, math.ceil(len(left) / ETA))]
        wanted *= 2
