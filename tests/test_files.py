from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mnist_etc.errors import BusyError
from mnist_etc.files import ABANDONED, UNFINISHED, exclusive, temporary


def aged(path: Path, *, folder: bool = False) -> Path:
    """A file, or a folder with one, of before anything abandoned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        path.mkdir()
        (path / "inside.txt").write_text("half")
    else:
        path.write_text("half")
    past = time.time() - ABANDONED - 60
    os.utime(path, (past, past))
    return path


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    file = aged(tmp_path / ".tmp_mnist_etc_123_abcd_fg1.h5")
    folder = aged(tmp_path / ".tmp_mnist_etc_123_12345678", folder=True)
    fresh = tmp_path / ".tmp_mnist_etc_124_abcdefgh.h5"
    fresh.write_text("half")
    with exclusive(tmp_path / ".lock"):
        assert not file.exists()
        assert not folder.exists()
        assert fresh.exists()


@pytest.mark.parametrize(
    "name",
    [
        *(".tmp_precious", ".tmp_thesis.txt", ".tmp_mnist_etc_notes", ".tmp_mnist_etc_12_abcdefgh.tar.gz"),
        *("other/.tmp_mnist_etc_123_abcdefgh", "models/.tmp_mnist_etc_123_abcdefgh"),
    ],
)
def test_nothing_else_is_ever_removed(tmp_path: Path, name: str) -> None:
    """Other people's files, and whatever lies below: a repository's lock lies in the folder above it, maybe a home."""
    precious = [aged(tmp_path / name, folder=True), aged(tmp_path / f"{name}.txt"), aged(tmp_path / "linked" / "file")]
    (tmp_path / ".tmp_mnist_etc_9_abcdefgh").symlink_to(tmp_path / "linked")
    with exclusive(tmp_path / ".lock"):
        assert all(path.exists() for path in precious)
    assert (precious[0] / "inside.txt").read_text() == "half"


def test_the_message_names_the_key_of_the_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path / ".lock"), pytest.raises(BusyError, match=r"or pass repository=<another folder>\.$"):
        with exclusive(tmp_path / ".lock", "repository"):
            pass


def test_temporary_names_are_those_that_are_swept(tmp_path: Path) -> None:
    for final in ("model.h5", "config.pbtxt", "lock"):
        with temporary(tmp_path / final) as path:
            assert UNFINISHED.fullmatch(path.name), path.name
