"""What a killed run, a damaged shard and a full disk leave of a folder of shards, and how it goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sharded import DIGITS, all_are_there, each_is_answered_once, finished
from support import ROOT, Run, environment


@pytest.mark.parametrize("moment", ["answer 1", "answer 2", "sync 2", "replace 2", "replace 3"])
def test_a_run_that_is_killed_at_any_moment_goes_on_and_answers_nothing_twice(
    here: Path, run: Run, moment: str
) -> None:
    killed = run("-c", KILLED, "infer.py", *DIGITS, "input=in", "output=shards/", env={"MOMENT": moment})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    there = {path: path.stat().st_mtime_ns for path in finished(here)}
    assert len(there) == {"answer 1": 0, "answer 2": 1, "sync 2": 0, "replace 2": 1, "replace 3": 2}[moment]
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert (f"{len(there)} of 3 shards are in shards/ already" in done.stdout) == bool(there)
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    all_are_there(here)


def test_a_ray_run_that_is_killed_goes_on_by_another_engine(here: Path, run: Run) -> None:
    command = [sys.executable, str(ROOT / "infer.py"), *DIGITS, "input=in", "output=shards/", "engine=ray"]
    process = subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.DEVNULL)
    while not finished(here) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path: path.stat().st_mtime_ns for path in finished(here)}
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert there
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    each_is_answered_once(here)


def test_a_damaged_shard_is_answered_anew(here: Path, run: Run) -> None:
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (here / "shards" / "b.parquet").write_bytes((here / "shards" / "a.parquet").read_bytes()[:300])
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    all_are_there(here)


def test_a_full_disk_leaves_the_finished_shards(here: Path, run: Run) -> None:
    shards = here / "shards"
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (shards / "b.parquet").unlink()
    done = run(
        *("-c", LIMITED, "infer.py", *DIGITS, "input=in", "output=shards/"),
        env={"PYTHONPATH": str(ROOT), "LIMIT": "1500"},
    )
    assert done.returncode == 1
    assert "error: Cannot write shards/b.parquet" in done.stderr
    assert not (shards / "b.parquet").exists()
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0


LIMITED = """
import os, resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]),) * 2)
sys.argv = sys.argv[1:]
sys.argv[0] = os.path.join(os.environ["PYTHONPATH"], sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that can write no file longer than LIMIT bytes."""

KILLED = """
import os, runpy, signal, sys
from pathlib import Path
from mnist_etc import files
from mnist_etc.inference.classification import Classification
name, count = os.environ["MOMENT"].split()
owner, name = {"answer": (Classification, "_answer"), "sync": (files, "sync"), "replace": (Path, "replace")}[name]
original, calls = getattr(owner, name), []
def counted(*args, **kwargs):
    calls.append(1)
    if len(calls) == int(count):
        if name == "replace" and not str(args[1]).endswith(".json"):
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(owner, name, counted)
sys.argv = sys.argv[1:]
sys.argv[0] = os.path.join(os.environ["PYTHONPATH"], sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that is killed at the call of MOMENT: while it answers, before the disk holds a shard, and after a shard
has its name; the first file of all is the state of the folder."""
