"""``sweep.engine=ray`` on a cluster of this machine."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from support import ROOT

from mnist_etc.errors import ConfigError
from mnist_etc.sweep.engines import SWEEP_ENGINES, Place
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS
from mnist_etc.sweep.search import Search
from mnist_etc.sweep.space import Parameter, Space
from mnist_etc.sweep.study import counted, open_storage, open_study

sys.path.insert(0, str(Path(__file__).parent))
from toy import Toy, value_of

SPACE = Space({"x": Parameter(type="float", low=0.0, high=1.0)}, {"x": {}})
SLEEPS = """
import os, sys, time
from mnist_etc.processes import follow, tell
follow()
tell(pid=os.getpid())
time.sleep(60)
"""


@pytest.mark.slow
def test_trials_as_tasks_of_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    storage = open_storage(str(tmp_path / "journal.log"), 10)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    work = Toy(tmp_path, seconds=0, fails=0.9)
    with SWEEP_ENGINES["ray"].place(None) as place:
        with pytest.raises(ConfigError, match=r"sweep\.threads of at most"):
            place.threads(10_000, 1)
        work.start = place.start
        Search(study, storage, SPACE, work, sampler=SAMPLERS["random"], trials=3, processes=2, say=lambda _: None).run()
        for trial in counted(study):
            failed = trial.params["x"] > 0.9
            assert trial.value == (None if failed else value_of(trial.params["x"]))
            assert (tmp_path / f"trial_{trial.number:04d}" / "log").is_file()
        assert [trial.state.name for trial in counted(study)].count("COMPLETE") >= 1
        stopped(place, tmp_path)


def stopped(place: Place, folder: Path) -> None:
    """A trial that is pruned leaves no process."""
    child, told = place.start(["-c", SLEEPS], log=folder / "sleeps", threads=1, tags={}), list[int]()
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        told += [one["pid"] for one in child.told()]
        time.sleep(0.05)
    os.kill(told[0], 0)
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(told[0], 0)
    assert child.wait() != 0
