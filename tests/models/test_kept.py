"""Weights that follow from code alone: computed once, and again where what was kept cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mnist_etc.models.kept import kept


class Making:
    """Two arrays, and how often they were made."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[np.ndarray]:
        self.times += 1
        return [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(1, np.float32)]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module, and a cache folder that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    module = ModuleType("source")
    module.__file__ = str(tmp_path / "source.py")
    (tmp_path / "source.py").write_text("A = 1")
    return module


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "mnist_etc" / "weights").iterdir())


def test_what_was_made_is_made_once(source: ModuleType, tmp_path: Path) -> None:
    make = Making()
    first, second = kept("some", [source], make), kept("some", [source], make)
    assert make.times == 1
    assert [one.tobytes() for one in first] == [one.tobytes() for one in second]
    assert [path.name.startswith("some_") for path in files(tmp_path)] == [True]


def test_other_code_is_another_file(source: ModuleType, tmp_path: Path) -> None:
    make = Making()
    kept("some", [source], make)
    Path(str(source.__file__)).write_text("A = 2")
    kept("some", [source], make)
    assert make.times == len(files(tmp_path)) == 2


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b""), lambda path: os.truncate(path, 200)])
def test_a_damaged_file_is_made_anew(source: ModuleType, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    make = Making()
    kept("some", [source], make)
    damage(files(tmp_path)[0])
    assert np.array_equal(kept("some", [source], make)[1], np.ones(1))
    kept("some", [source], make)
    assert make.times == 2


def test_a_folder_that_cannot_be_made_costs_only_time(source: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    make = Making()
    assert len(kept("some", [source], make)) == len(kept("some", [source], make)) == make.times == 2
