"""``make setup``: the right Python, at once the second time, never half done."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import environment

PYPROJECT = """\
[project]
name = "small"
version = "1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """\
import shutil
def build_editable(folder, *_, **__):
    return shutil.copy("../wheels/small-1-py3-none-any.whl", folder).rpartition("/")[2]
"""
CANDIDATES = ("python", "python3", "python3.11", "python3.12", "python3.13")


def write_wheel(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        archive.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.dist-info/RECORD", "")
    return path


@pytest.fixture
def small(project: Path, tmp_path: Path) -> Path:
    """A project with this Makefile and one locked requirement, in a folder with a space; nothing is fetched."""
    wheels, folder = tmp_path / "wheels", tmp_path / "a project"
    wheels.mkdir()
    (folder / "conf").mkdir(parents=True)
    (folder / "conf.dvc").touch()
    os.utime(folder / "conf.dvc", (0, 0))
    shutil.copy(project / "Makefile", folder)
    shutil.copytree(project / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "requirements-build.txt").write_text("--no-index\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    write_wheel(wheels, "small")
    digest = hashlib.sha256(write_wheel(wheels, "tiny").read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"--no-index\n--find-links ../wheels\ntiny==1 --hash=sha256:{digest}\n")
    return folder


def make(folder: Path, *words: str, first_on_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``make`` in a shell whose settings would spoil a careless installation."""
    hostile = {"PYTHONPATH": "/nowhere", "PIP_REQUIRE_HASHES": "1", "PIP_USER": "1"}
    env = environment({**hostile, "MAKEFLAGS": None, "MAKELEVEL": None}, timed=True)
    if first_on_path:
        env["PATH"] = f"{first_on_path}:{env['PATH']}"
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def fake_pythons(folder: Path, *, working: str | None) -> Path:
    """Every candidate as a script: ``working`` is this Python, the others fail as a shim without a version does."""
    folder.mkdir()
    for name in CANDIDATES:
        real = f'exec "{Path(sys.base_prefix) / "bin/python3"}" "$@"'
        (folder / name).write_text(f"#!/bin/sh\n{real if name == working else 'exit 127'}\n")
        (folder / name).chmod(0o755)
    return folder


def installed(folder: Path) -> set[str]:
    return {path.name for path in folder.glob(".venv/lib/python3*/site-packages/*.py")}


def test_setup_passes_over_broken_pythons_and_starts_at_once_the_second_time(small: Path) -> None:
    pythons = fake_pythons(small.parent / "bin", working="python3.13")
    first = make(small, "setup", first_on_path=pythons)
    assert first.returncode == 0, first.stdout + first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()[:2]] == ["Installing", "by"]
    assert "minutes" in first.stdout
    assert first.stderr == ""
    assert installed(small) >= {"small.py", "tiny.py"}
    second = make(small, "setup", first_on_path=pythons)
    assert (second.returncode, second.stderr) == (0, "")
    assert "Installing" not in second.stdout
    later = (small / ".venv/.installed").stat().st_mtime_ns + 10**7  # not this moment: a clock may have been set back
    os.utime(small / "requirements.txt", ns=(later, later))
    assert "Installing" in make(small, "setup", first_on_path=pythons).stdout


def test_failed_installation_shows_why_and_does_not_count(small: Path) -> None:
    package = small.parent / "wheels/tiny-1-py3-none-any.whl"
    true = package.read_bytes()
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("altered.py", "")
    first = make(small, "setup")
    assert first.returncode != 0
    assert "HASHES" in first.stderr
    assert "tiny==1" in first.stderr
    assert "altered.py" not in installed(small)
    leftover = small / ".venv/leftover"
    leftover.touch()
    package.write_bytes(true)
    assert make(small, "setup").returncode == 0
    assert "tiny.py" in installed(small)
    assert not leftover.exists()


def test_no_usable_python_gives_one_line(small: Path) -> None:
    done = make(small, "setup", first_on_path=fake_pythons(small.parent / "bin", working=None))
    assert done.returncode != 0
    line, of_make = done.stderr.splitlines()
    assert line.startswith("Expected Python 3.11, 3.12 or 3.13")
    assert of_make.startswith("make: ***")
    assert not (small / ".venv").exists()
