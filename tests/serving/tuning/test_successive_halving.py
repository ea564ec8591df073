"""Successive halving on figures that are made up, so that the best one is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mnist_etc.export.config import InputType, Variant
from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement
from mnist_etc.serving.tuning.report import Report
from mnist_etc.serving.tuning.successive_halving import successive_halving
from mnist_etc.serving.tuning.trials import Trials

CANDIDATES = [
    Candidate(
        instances=instances,
        intra_op_threads=1,
        max_queue_delay_microseconds=delay,
        preferred_batch_size=0,
        input_type=InputType.uint8,
        variant=Variant.float32,
    )
    for instances in range(1, 6)
    for delay in range(4)
]


def figures(**changed: float) -> Measurement:
    return Measurement(**{field.name: 1.0 for field in fields(Measurement)} | changed)


class Machine:
    """Throughput grows with the instances; every candidate with a delay of 3 is late."""

    def __init__(self, noise: float = 0.0, fails_at: int | None = None) -> None:
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.noise, self.fails_at, self.random = noise, fails_at, np.random.default_rng(0)

    def __call__(self, candidate: Candidate, levels: Sequence[int]) -> dict[int, Measurement]:
        if len(self.calls) == self.fails_at:
            raise KeyboardInterrupt
        self.calls.append((candidate.name, tuple(levels)))
        speed = 1000 * candidate.instances - candidate.max_queue_delay_microseconds
        late = 30_000.0 if candidate.max_queue_delay_microseconds == 3 else 1000.0
        return {
            level: figures(images_per_second=speed * (1 + self.noise * self.random.normal()), p99=late)
            for level in levels
        }


def search(trials: Trials, machine: Machine) -> list[Candidate]:
    return successive_halving(
        trials, CANDIDATES, machine, concurrency=[1, 20], p99_milliseconds=10, rounds=5, survivors=3
    )


def test_the_best_that_is_not_late_wins(tmp_path: Path) -> None:
    machine = Machine(noise=0.02)
    last = search(Trials(tmp_path / "record.json", {}), machine)
    assert len(last) == 3
    assert {one.instances for one in last} == {5}
    assert all(one.max_queue_delay_microseconds < 3 for one in last)
    grid = 2 * 5 * len(CANDIDATES)
    assert sum(len(levels) for _, levels in machine.calls) < grid / 2, "halving measures less than the grid"


def test_the_last_ones_have_every_round_at_every_concurrency(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "record.json", {})
    for one in search(trials, Machine()):
        assert [trials.rounds(one, level) for level in (1, 20)] == [5, 5]


def test_a_stopped_search_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = Machine()
    search(Trials(tmp_path / "whole.json", {"model": "a"}), whole)
    stopped, rest = Machine(fails_at=9), Machine()
    with pytest.raises(KeyboardInterrupt):
        search(Trials(tmp_path / "record.json", {"model": "a"}), stopped)
    trials = Trials(tmp_path / "record.json", {"model": "a"})
    trials.load(force=False)
    search(trials, rest)
    assert stopped.calls + rest.calls == whole.calls


def test_the_report_names_the_bottleneck(tmp_path: Path) -> None:
    several, trials = CANDIDATES[:4], Trials(tmp_path / "record.json", {})
    shown = {
        "delay": figures(queue=9.0, cores_busy=0.1),
        "model": figures(compute=9.0, cores_busy=2.0),
        "transport": figures(network=9.0, cores_busy=2.0),
        "queue": figures(queue=9.0, cores_busy=1e9),
    }
    ordered = [several[1], several[0], several[2], several[3]]
    for candidate, one in zip(ordered, shown.values(), strict=True):
        trials.add(candidate, {20: one})
    report = Report(trials=trials, several=several, concurrency=[20])
    assert [report.bottleneck(candidate, 20) for candidate in ordered] == list(shown)
    report.write(tmp_path, "# heading")
    assert (tmp_path / "tuning.csv").read_text().count("\n") == 1 + len(several)
    assert (tmp_path / "tuning.png").read_bytes()[:4] == b"\x89PNG"
    wasteful = Candidate(
        instances=1000,
        intra_op_threads=1,
        max_queue_delay_microseconds=0,
        preferred_batch_size=0,
        input_type=InputType.uint8,
        variant=Variant.float32,
    )
    trials.add(wasteful, {20: figures(cpu_per_image=2.0)})
    assert Report(trials=trials, several=[*several, wasteful], concurrency=[20]).bottleneck(wasteful, 20) == "threads"
