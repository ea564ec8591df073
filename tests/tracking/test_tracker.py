"""One tracker before several sinks: each is told the same, and one that fails is dropped alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_etc.tracking.codes import Codes, Pixels
from mnist_etc.tracking.tracker import Sink, Tracker


class Recorder(Sink):
    """Keeps what it is told, and refuses ``broken``."""

    def __init__(self, broken: str = "") -> None:
        self.broken, self.told = broken, list[Any]()

    def __str__(self) -> str:
        return "a store at http://me:secret@host"

    def _tell(self, *what: Any) -> None:
        if what[0] == self.broken:
            raise OSError("gone\nfor good")
        self.told.append(what)

    def start(self, name: str | None, tags: Mapping[str, str]) -> None:
        self._tell("start", name, tags)

    def end(self, status: str) -> None:
        self._tell("end", status)

    def parameters(self, settings: Mapping[str, Any]) -> None:
        self._tell("parameters", settings)

    def tag(self, name: str, words: str) -> None:
        self._tell("tag", name, words)

    def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
        self._tell("metrics", values, epoch)

    def pictures(self, folder: Path, epoch: int | None) -> None:
        self._tell("pictures", folder, epoch)

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None) -> None:
        self._tell("picture", name, epoch)

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        self._tell("codes", name)

    def model(self, name: str, path: Path, example: Any, answer: Any, tags: Mapping[str, str]) -> None:
        self._tell("model", name)


def test_a_sink_that_fails_is_dropped_alone(capsys: pytest.CaptureFixture[str]) -> None:
    whole, broken = Recorder(), Recorder("metrics")
    tracker = Tracker(broken, whole, name="outer", tags={"a": "b"})
    assert not tracker.records
    with tracker.ending():
        with tracker.child("inner"):
            tracker.parameters({"x": {"y": 1}})
            tracker.metrics({"loss": 1.0}, 2)
            assert tracker.records, "one still does"
            tracker.tag("privacy", "none")
            tracker.model("m", Path("m.onnx"), np.zeros(1, np.float32), np.zeros(1, np.float32), {})
    before = [("start", "outer", {"a": "b"}), ("start", "inner", {}), ("parameters", {"x.y": 1})]
    after = [("metrics", {"loss": 1.0}, 2), ("tag", "privacy", "none"), ("model", "m")]
    assert broken.told == before
    assert whole.told == [*before, *after, ("end", "FINISHED"), ("end", "FINISHED")]
    assert capsys.readouterr().err == (
        "warning: a store at http://***@host cannot be used: gone. The training goes on untracked.\n"
    )


def test_nothing_is_opened_for_what_was_finished_already(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Recorder()
    tracker = Tracker(sink)
    with tracker.ending():
        tracker.metrics({"accuracy": 1.0})
    assert sink.told == []
    assert not tracker.records
    assert not Tracker().records
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_ends_as_its_block_does(error: type[BaseException], status: str) -> None:
    sink = Recorder()
    tracker = Tracker(sink)
    with pytest.raises(error), tracker.ending(), tracker.child("inner"):
        raise error
    assert sink.told[2:] == [("end", status), ("end", status)]
