"""What a killed process leaves behind must not stop the next one; what others made is never removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_etc.errors import ArtifactError, BusyError
from mnist_etc.files import exclusive, scratch, temporary, write_bytes


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left(path: Path, *, old: bool = True) -> Path:
    """A file, or a folder with a file where the name has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".tmp"):
        path.mkdir()
        (path / "half").write_text("half")
    else:
        path.write_text("half")
    if old:
        os.utime(path, (0, 0))
    return path


def all_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_what_was_abandoned_is_removed_and_what_is_at_work_is_not(tmp_path: Path, dead: int) -> None:
    gone = [left(tmp_path / f".mnist_etc-{dead}-abcd_123.tmp{suffix}") for suffix in (".json", "")]
    kept = [
        left(tmp_path / f".mnist_etc-{dead}-abcd_124.tmp.json", old=False),
        left(tmp_path / f".mnist_etc-{os.getpid()}-abcd_123.tmp.json"),
        left(tmp_path / f".mnist_etc-{os.getpid()}-abcd_123.tmp"),
    ]
    write_bytes(tmp_path / "final", b"whole")
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_nothing_of_others_is_removed(tmp_path: Path, dead: int) -> None:
    """Not by a name like ours, and in no other folder, above or below."""
    names = [
        ".tmp_precious/thesis.txt",
        ".tmp_2",
        ".mnist_etc/notes",
        f".mnist_etc-{dead}/notes",
        ".mnist_etc.tmp.json",
    ]
    names += [
        f".mnist_etc-{dead}-abcd_123.tmp.bak.json",
        f".mnist_etc-{dead}-mine.tmp.json",
        ".mnist_etc-0-abcd_123.tmp.x",
    ]
    for folder in (".", "place", "other", "place/below"):
        for name in names:
            left(tmp_path / folder / name)
    ours = f".mnist_etc-{dead}-abcd_123.tmp.json"
    for folder in (".", "other", "place/below"):
        left(tmp_path / folder / ours)
    (tmp_path / "place" / f".mnist_etc-{dead}-abcd_125.tmp").symlink_to(tmp_path / "other")
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    before = all_of(tmp_path)
    with exclusive(tmp_path / "place" / ".lock"), scratch(tmp_path / "place"):
        write_bytes(tmp_path / "place" / "final", b"whole")
    assert before - all_of(tmp_path) == set()
    assert (tmp_path / "place" / f".mnist_etc-{dead}-abcd_125.tmp").is_symlink()


def test_a_temporary_name_is_one_that_is_swept(tmp_path: Path, dead: int) -> None:
    with temporary(tmp_path / "final.csv") as file, scratch(tmp_path) as folder:
        names = [path.name.replace(str(os.getpid()), str(dead)) for path in (file, folder)]
        file.write_text("whole")
    for name in names:
        left(tmp_path / name)
    write_bytes(tmp_path / "final.csv", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["final.csv"]


@pytest.mark.parametrize("content", ["", "12345"])
def test_a_lock_names_its_owner(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lock").write_text(content)
    with exclusive(tmp_path / ".lock", key="repository"):
        with pytest.raises(BusyError, match=f"Process {os.getpid()} is writing .*pass repository=<another folder>"):
            with exclusive(tmp_path / ".lock", key="repository"):
                pass


@pytest.mark.parametrize("content", [b"the lock of another program", b"\xff\xfe", b"1234567890123"])
def test_a_lock_file_of_others_keeps_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)
    with exclusive(tmp_path / ".lock"):
        with pytest.raises(BusyError, match="Process unknown is writing"), exclusive(tmp_path / ".lock"):
            pass
    assert (tmp_path / ".lock").read_bytes() == content


def test_what_cannot_be_written_names_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="pass output=<a folder you can write>"):
        write_bytes(tmp_path / "file" / "final", b"", key="output")
    with pytest.raises(ArtifactError, match="pass artifacts=<a folder you can write>"):
        with exclusive(tmp_path / "file" / ".lock"):
            pass
