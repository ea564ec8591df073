"""How the answers of late are spread: counts an hour, in ``/metrics`` and in a small file. Nothing of single images.

Each count is of something that an answer tells: its class, and its confidence as finely as the output policy tells it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from mnist_etc.errors import MnistEtcError
from mnist_etc.evaluation.drift import Counts, compare
from mnist_etc.service.hours import Hours, Tally, hour_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from prometheus_client import Metric

    from mnist_etc.evaluation.drift import Reference
    from mnist_etc.service.engine import Answered

__all__ = ["DriftCounts"]

WRITE_SECONDS = 60.0
"""Between two writes of the file."""
TOGETHER = 64
"""Requests whose answers are counted at once, within a `service.poll_seconds`."""
DAY_HOURS = 24
"""The last so many hours are what ``/metrics`` holds against the validation images."""


class _Of(NamedTuple):
    """What answers are of; equal where their counts can be added without a look at the reference."""

    name: str
    policy: str
    reference: Reference
    hour: int


class DriftCounts(Collector):
    """An observer of `mnist_etc.service.engine.Engine`, and a collector of Prometheus; safe for threads.

    Args:
        path: File of the counts, which other processes may add to, too; None: none is written.
        clock: Seconds since 1970.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._total: OrderedDict[str, Tally] = OrderedDict()  # of this process, by model: its last day
        self._all: dict[str, Counts] = {}
        self._unwritten: dict[str, Tally] = {}
        self._waiting: list[NDArray[np.float32]] = []  # answers that are not counted yet
        self._waiting_of: _Of | None = None
        self._written, self._said = clock(), ""

    def __call__(self, answered: Answered) -> None:
        """Count the answers to a request but those about black images, and those of which the label alone is told."""
        model = answered.model
        reference = model.reference
        if reference is None or answered.outputs.shape[1] != len(reference.names):  # Triton's was changed meanwhile
            return
        whole = answered.images.any(axis=(1, 2))
        told = answered.outputs[whole if answered.label_only is None else whole & ~answered.label_only]
        if len(told):
            of = _Of(f"{model.name}/{model.version}", model.policy, reference, hour_of(self._clock()))
            with self._lock:
                if self._waiting and self._waiting_of != of:
                    self._count()
                self._waiting_of = of
                self._waiting.append(told)
                if len(self._waiting) >= TOGETHER or len(told) >= TOGETHER:
                    self._count()

    def _count(self) -> None:
        """Count the answers that wait, which are all of one version in one hour. The lock is held."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        assert self._waiting_of is not None
        name, policy, reference, hour = self._waiting_of
        counts = reference.count(np.concatenate(waiting))
        if name not in self._total or not self._total[name].reference.same(reference):
            self._total[name], self._all[name] = Tally.of(policy, reference), reference.nothing()
            self._unwritten.pop(name, None)
        for tallies in (self._total, self._unwritten):
            tallies.setdefault(name, Tally.of(policy, reference)).add(hour, counts)
        self._all[name] += counts
        self._total[name].keep(DAY_HOURS, hour)
        self._total.move_to_end(name)

    def write(self, *, now: bool = False) -> None:
        """Add what is not in the file yet to it, a minute after the last time; what cannot be written is said once."""
        with self._lock:
            self._count()
        if self._path is None or not (now or self._clock() - self._written >= WRITE_SECONDS):
            return
        with self._writing:
            with self._lock:
                unwritten, self._unwritten, self._written = self._unwritten, {}, self._clock()
            if not unwritten:
                return
            try:
                Hours.add(self._path, unwritten)
                self._said = ""
            except (MnistEtcError, OSError) as error:
                with self._lock:
                    for name, tally in unwritten.items():
                        self._unwritten[name] = tally + self._unwritten[name] if name in self._unwritten else tally
                if str(error) != self._said:
                    print(f"not counted: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
                self._said = str(error)

    def collect(self) -> Iterator[Metric]:
        """Counts since the start, and the last day's against the validation images."""
        labels = ["version", "bin"]
        told = CounterMetricFamily("mnist_etc_answers", "Answers, by what they tell.", labels=["of", *labels])
        psi = GaugeMetricFamily(
            "mnist_etc_drift_psi",
            "Population stability index of the last day's answers against those about the validation images.",
            labels=["of", "version"],
        )
        chance = GaugeMetricFamily(
            "mnist_etc_drift_p",
            "Probability of so great a difference by chance, chi-squared.",
            labels=["of", "version"],
        )
        alarm = GaugeMetricFamily(
            "mnist_etc_drift", "1 where the last day's answers are spread otherwise.", labels=["of", "version"]
        )
        for name, everything, tally in self._now():
            recent = tally.sum()
            for of, counts in everything.bins.items():
                for words, count in zip(tally.reference.words(of), counts.tolist(), strict=True):
                    told.add_metric([of, name, words], count)
                found = compare(recent.bins[of], tally.reference.counts.bins[of])
                psi.add_metric([of, name], found.psi)
                chance.add_metric([of, name], found.p)
                alarm.add_metric([of, name], float(found.drifted))
        yield from (told, psi, chance, alarm)

    def _now(self) -> list[tuple[str, Counts, Tally]]:
        hour = hour_of(self._clock())
        with self._lock:
            self._count()
            for tally in self._total.values():
                tally.keep(DAY_HOURS, hour)
            return [(name, self._all[name], tally.copy()) for name, tally in self._total.items()]
