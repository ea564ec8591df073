"""Another environment, or a Python without the packages: one line that says which to use."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support import ROOT, environment


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment without packages."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin/python"


@pytest.mark.parametrize(
    "words",
    [
        *(["train.py"], ["infer.py", "input=photo.png"], ["noprotect_reconstruction.py"]),
        *(["-m", "train_.classifier", "epochs=1"], ["-m", "mnist_etc", "train"], ["-m", "mnist_etc.export"]),
    ],
    ids=" ".join,
)
def test_a_python_without_the_packages(bare: Path, words: list[str]) -> None:
    env = environment({"PYTHONPATH": None}, timed=True)
    done = subprocess.run([bare, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "error: Expected the Python 3.11, 3.12 or 3.13 that this project is installed into; received"
    )
    assert f"at {bare} without hydra, numpy, onnxruntime. Run it by " in line
    assert ".venv/bin/python, which `make setup` makes." in line


def old_pythons() -> list[str]:
    """What there is on this machine from 3.8 to 3.10 and beyond 3.13."""
    names = (f"python3.{minor}" for minor in (8, 9, 10, 14, 15))
    works = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call([sys.argv[1], '-c', '']))"]
    found = [name for name in names if shutil.which(name)]
    return [name for name in found if not subprocess.run([*works, name], capture_output=True, check=False).returncode]


def test_a_python_of_another_version() -> None:
    """Where there is none, the versions that count are changed instead."""
    command = ["-c", "import mnist_etc.interpreter as i; i.OLDEST = (9, 0); i.check()"]
    for python in [sys.executable, *old_pythons()]:
        done = subprocess.run([python, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert "received Python 3." in done.stderr
