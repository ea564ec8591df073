"""A second training into the same artifacts says so and stops; the lock dies with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from support import TINY, Run, environment, refused

HOLDER = """
import sys, time
from pathlib import Path
from mnist_etc.files import exclusive
with exclusive(Path("artifacts/digits/.lock")):
    print("held", flush=True)
    time.sleep(600)
"""


def test_refused_while_another_runs_and_free_after_it_was_killed(run: Run, tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        refused(run("train.py", *TINY), "artifacts/digits", str(holder.pid), plain=True)
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert run("-m", "train_.autoencoder", "data=digits", "epochs=1", "tracking_uri=null").returncode == 0
