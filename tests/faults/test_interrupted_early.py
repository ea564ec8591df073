"""Ctrl-C while the imports of a command run: one line, exit code 130, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, Run, environment

SITE = """
import os, signal, sys
class Interrupts:
    def find_spec(name, path=None, target=None):
        if name == os.environ["INTERRUPT_AT"]:
            sys.meta_path.remove(Interrupts)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts)
"""
"""A sitecustomize that sends the process a SIGINT when the module of that name is imported first."""
TRAIN = ["mnist_etc.training.pipeline", "mnist_etc.command", "numpy", "argparse", "hydra", "omegaconf"]
MOMENTS = [
    *[(("train.py",), module) for module in TRAIN],
    *[(("infer.py",), module) for module in ("mnist_etc.__main__", "mnist_etc.inference.classify", "numpy", "hydra")],
    *[(("noprotect_reconstruction.py",), module) for module in ("mnist_etc.attack.config",)],
    *[(("-m", "mnist_etc", "infer"), module) for module in ("mnist_etc.errors", "importlib.metadata", "numpy", "yaml")],
    *[(("-m", "mnist_etc", "train"), module) for module in ("mnist_etc.command", "mnist_etc.training.classifier")],
    *[(("-m", "train_.autoencoder"), module) for module in ("mnist_etc.artifacts.names", "numpy")],
    *[(("-m", "mnist_etc.export"), module) for module in ("mnist_etc.command", "hydra")],
]


@pytest.mark.parametrize(
    ("command", "module"), MOMENTS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else value
)
def test_one_line(run: Run, tmp_path: Path, command: tuple[str, ...], module: str) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    asked = {"PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}", "INTERRUPT_AT": module}
    done = run(*command, "data=digits", env=asked, timeout=60, timed=True)
    assert done.stderr == "interrupted: nothing was written yet\n"
    assert done.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_job_is_interrupted_as_before() -> None:
    """Once it runs, what it began is cleaned up; and the library changes no handler of a program that imports it."""
    script = """
import os, signal, sys
before = signal.getsignal(signal.SIGINT)
from mnist_etc import interrupt
import train_
assert signal.getsignal(signal.SIGINT) is before
interrupt.loading()
from mnist_etc.command import Command, run
sys.argv = ["serve"]
def job(config):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        print("cleaned up")
run("serve", Command(help="serve", schema="mnist_etc.serving.config:ServeCommand", job=job))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, "cleaned up\n")
    assert done.stderr.startswith("interrupted: a training goes on")


def test_an_ignored_signal_stays_ignored() -> None:
    script = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from mnist_etc import interrupt
interrupt.loading()
os.kill(os.getpid(), signal.SIGINT)
interrupt.loaded()
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)
