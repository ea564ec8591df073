"""What the faults share: a small trained model to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from processes import python
from support import TINY


@pytest.fixture(scope="session")
def _tiny(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    done = python(str(project / "train.py"), *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def tiny(_tiny: Path, tmp_path: Path) -> Path:
    """The current folder of `run`, with the artifacts of `TINY` in ``artifacts/digits``; a copy to damage."""
    shutil.copytree(_tiny / "artifacts", tmp_path / "artifacts")
    return tmp_path / "artifacts" / "digits"
