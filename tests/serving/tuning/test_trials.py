"""The record of a search: it goes on from there, and what is no such record is refused in one line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from mnist_etc.errors import ConfigError
from mnist_etc.export.config import InputType, Variant
from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement
from mnist_etc.serving.tuning.trials import Trials

CANDIDATE = Candidate(
    instances=1,
    intra_op_threads=1,
    max_queue_delay_microseconds=0,
    preferred_batch_size=0,
    input_type=InputType.uint8,
    variant=Variant.float32,
)
FIGURES = {field.name: 1.5 for field in fields(Measurement)}
ROW = {"candidate": "a", "concurrency": 1, "figures": FIGURES}


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "measurements.json", {"model": "a"})
    for p99 in (1.0, 3.0, 9.0):
        trials.add(CANDIDATE, {20: Measurement(**FIGURES | {"p99": p99})})
    again = Trials(trials.path, {"model": "a"})
    again.load(force=False)
    assert again.measurements == trials.measurements
    assert again.rounds(CANDIDATE, 20) == 3
    assert again.rounds(CANDIDATE, 1) == 0
    assert again.median(CANDIDATE, 20, "p99") == 3


def test_trials_of_something_else_are_refused(tmp_path: Path) -> None:
    Trials(tmp_path / "measurements.json", {"model": "a", "machine": "m"}).add(CANDIDATE, {1: Measurement(**FIGURES)})
    other = Trials(tmp_path / "measurements.json", {"model": "b", "machine": "m"})
    with pytest.raises(ConfigError, match=r"received one with another model\. Pass output="):
        other.load(force=False)
    other.load(force=True)
    assert not other.measurements


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON\n",
        "[1]",
        "3",
        "{}",
        json.dumps({"measurements": []}),
        json.dumps({"about": {"model": "a"}}),
        json.dumps({"about": 3, "measurements": []}),
        json.dumps({"about": {"model": "a"}, "measurements": 3}),
        json.dumps({"about": {"model": "a"}, "measurements": [{}]}),
        json.dumps({"about": {"model": "a"}, "measurements": [ROW | {"figures": {"p99": 1}}]}),
        json.dumps({"about": {"model": "a"}, "measurements": [ROW | {"figures": FIGURES | {"p99": "slow"}}]}),
        json.dumps({"about": {"model": "a"}, "measurements": [ROW | {"figures": FIGURES | {"p98": 1}}]}),
        json.dumps({"about": {"model": "a"}, "measurements": [ROW | {"figures": 3}]}),
        "[" * 100_000,
    ],
    ids=lambda content: content[:40],
)
def test_a_file_that_no_search_wrote_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    trials = Trials(tmp_path / "measurements.json", {"model": "a"})
    trials.path.write_text(content)
    with pytest.raises(ConfigError, match=r"measurements.json .* Pass output=<another folder>, or force=true") as error:
        trials.load(force=False)
    assert "\n" not in str(error.value)
    assert not trials.measurements
    trials.load(force=True)
