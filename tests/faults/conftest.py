"""What the faults share: a small trained model to damage."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import TINY, environment


@pytest.fixture(scope="session")
def _tiny(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    command = [sys.executable, str(project / "train.py"), *TINY]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def tiny(_tiny: Path, tmp_path: Path) -> Path:
    """The current folder of `run`, with the artifacts of `TINY` in ``artifacts/digits``; a copy to damage."""
    shutil.copytree(_tiny / "artifacts", tmp_path / "artifacts")
    return tmp_path / "artifacts" / "digits"
