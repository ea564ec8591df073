"""Whatever is killed: every trial is there once, and what was finished stays as it is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support import environment

from mnist_etc.processes import Child
from mnist_etc.sweep.storage import open_storage
from mnist_etc.sweep.study import counted

sys.path.insert(0, str(Path(__file__).parent))
from toy import Toy, value_of

TRIALS, KILLS = 24, 8
TOY = [sys.executable, str(Path(__file__).with_name("toy.py"))]


def finished(folder: Path) -> dict[int, tuple[str, float]]:
    """Folder and value of each finished trial, by its number, as the study has them now."""
    import optuna

    path = folder / "journal.log"
    if not path.exists() or not path.stat().st_size:
        return {}
    try:
        study = optuna.load_study(storage=open_storage(str(path), 10), study_name="toy")
    except KeyError:
        return {}
    trials = [one for one in counted(study) if one.state.name == "COMPLETE"]
    return {one.number: (one.user_attrs["folder"], float(one.value or 0)) for one in trials}


def test_eight_kills_lose_no_trial_and_count_none_twice(tmp_path: Path) -> None:
    draw, before = random.Random(7), dict[int, tuple[str, float]]()
    for _ in range(KILLS):
        process = subprocess.Popen([*TOY, tmp_path, str(TRIALS), "2"], env=environment(), stdout=subprocess.DEVNULL)
        known = (tmp_path / "events").stat().st_size if (tmp_path / "events").exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:  # once it works, at any moment
            if (tmp_path / "events").exists() and (tmp_path / "events").stat().st_size > known:
                break
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.5))
        process.kill()
        process.wait()
        now = finished(tmp_path)
        assert before.items() <= now.items(), "a finished trial is gone, or another one"
        launched = (tmp_path / "events").read_text().splitlines()
        before = now
        done = {folder for folder, _ in now.values()}
        (tmp_path / "events").write_text("")
        assert launched, "it was killed before it worked"
    assert 0 < len(before) < TRIALS, "the kills fell into the search"
    subprocess.run([*TOY, tmp_path, str(TRIALS), "2"], env=environment(), check=True, stdout=subprocess.DEVNULL)
    after = finished(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == TRIALS
    assert len({folder for folder, _ in after.values()}) == TRIALS
    assert len({value for _, value in after.values()}) == TRIALS, "values that were drawn again"
    again = [line.split()[1] for line in (tmp_path / "events").read_text().splitlines() if line.startswith("launched")]
    assert not done & {*again}, "a finished trial was run again"


def test_trials_end_with_the_search_that_started_them(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from toy import Toy, Path;"
        f"child = Toy(Path({str(tmp_path)!r}), seconds=60).launch('trial_0', {{'x': 0.5}}); "
        "print(child.pid, flush=True); child.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and Path(f"/proc/{child}").exists():
        if "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_a_trial_waits_for_the_one_of_a_killed_search_that_still_ends(tmp_path: Path) -> None:
    """Two trainings in one folder would refuse each other."""
    slow = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(0.5); print('first')"
    with closing(Child(["-c", slow], log=tmp_path / "trial.log")) as first:
        with closing(Child(["-c", "print('second')"], log=tmp_path / "trial.log")) as second:
            assert (first.wait(), second.wait()) == (0, 0)
    assert (tmp_path / "trial.log").read_text().split() == ["first", "second"]


@pytest.mark.parametrize("x", [0.0, 0.3])
def test_the_toy(x: float) -> None:
    assert value_of(x) <= value_of(0.3) == 1
    assert Toy(Path()).failed("trial_1", 3) == "exit code 3 in trial_1"
