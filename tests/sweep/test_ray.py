"""``sweep.engine=ray`` on a cluster of this machine; the same file, run with a folder, is the search."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import environment

from mnist_etc.errors import ConfigError
from mnist_etc.sweep.engines import SWEEP_ENGINES, Place
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS
from mnist_etc.sweep.search import Search
from mnist_etc.sweep.space import Parameter, Space
from mnist_etc.sweep.storage import open_storage
from mnist_etc.sweep.study import counted, open_study

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
def test_trials_as_tasks_of_ray(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def search(folder: Path) -> None:
    """Three trials, one of which fails, and one that is ended."""
    storage = open_storage(str(folder / "journal.log"), 10)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    work = Toy(folder, seconds=0, fails=0.7)
    with SWEEP_ENGINES["ray"].place(None) as place:
        with pytest.raises(ConfigError, match=r"sweep\.threads of at most"):
            place.threads(10_000, 1)
        work.start = place.start
        Search(study, storage, SPACE, work, sampler=SAMPLERS["random"], trials=3, processes=2).run()
        states = [trial.state.name for trial in counted(study)]
        assert (states.count("COMPLETE"), states.count("FAIL")) == (2, 1), states
        for trial in counted(study):
            assert trial.value == (value_of(trial.params["x"]) if trial.state.name == "COMPLETE" else None)
            assert (folder / f"trial_{trial.number:04d}" / "log").is_file()
        stop(place, folder)


def stop(place: Place, folder: Path) -> None:
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


if __name__ == "__main__":
    search(Path(sys.argv[1]))
