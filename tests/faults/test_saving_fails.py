"""Disk full or SIGKILL while saving: the old file stays whole, and no half file takes a final name."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT, TINY, Completed, Run, environment, refused

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.data_key import DataKey
from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary, write_bytes


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "file"
    write_bytes(final, b"old")
    with pytest.raises(ZeroDivisionError), temporary(final) as path:  # noqa: PT012
        path.write_bytes(b"half")
        raise ZeroDivisionError
    assert final.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [final]


def test_no_space_is_one_line(tmp_path: Path) -> None:
    final = tmp_path / "file"
    write_bytes(final, b"old")
    with pytest.raises(ArtifactError, match=r"Cannot write .*No space left.*the file of before is untouched"):
        with temporary(final):
            raise OSError(28, "No space left on device")
    assert final.read_bytes() == b"old"


def test_a_first_file_has_none_before_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"a folder you can write>\.$"), temporary(tmp_path / "file"):
        raise OSError(28, "No space left on device")


def test_a_name_that_no_file_can_have_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"File name too long\. .*a folder you can write>\.$"):
        write_bytes(tmp_path / ("a" * 300), b"whole")


@pytest.mark.parametrize("limit", [500, 30_000])
def test_a_full_disk_under_the_real_command(tiny: Path, tmp_path: Path, project: Path, limit: int) -> None:
    """Files may grow to ``limit`` bytes: too few for a contact sheet, or for the checkpoint."""
    before = {path: path.read_bytes() for path in tiny.iterdir() if path.is_file() and path.name != ".lock"}
    process = subprocess.run(
        [sys.executable, str(project / "train.py"), *TINY, "force=true"],
        cwd=tmp_path,
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}, timed=True),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    refused(Completed(process.returncode, process.stdout, process.stderr, 0), "artifacts/digits", plain=True)
    for path, content in before.items():
        assert path.read_bytes() == content, path
    assert [path for path in tiny.iterdir() if path.name.startswith(".mnist_etc-")] == []


@pytest.mark.parametrize("fails", ["second file", "flush"])
def test_a_disk_that_fills_while_publishing_leaves_all_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    artifact = Artifact(folder=tmp_path, stem="model", make=lambda _: "make it", key=DataKey(tmp_path / "key"))

    def publish(content: bytes, second: Callable[[Path], None]) -> None:
        artifact.publish(
            {artifact.h5: lambda path: _write(path, content), artifact.onnx: second},
            settings={},
            dataset_sha256="0",
            metrics={},
            privacy={"epsilon": None},
        )

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    publish(b"old", lambda path: _write(path, b"old"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    if fails == "flush":
        monkeypatch.setattr("mnist_etc.artifacts.artifact.sync", full)
    with pytest.raises(ArtifactError, match="No space left"):
        publish(b"new", full if fails == "second file" else lambda path: _write(path, b"new"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    artifact.verify(artifact.onnx, {})


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_an_unwritable_place_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(run("train.py", *TINY, "artifacts=file"), "file/digits/.lock", plain=True)
    refused(run("train.py", *TINY, "artifacts=/proc/nowhere"), "/proc/nowhere", plain=True)
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), "--cfg", "job"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(timed=True),
            check=False,
        )
    assert "Traceback" not in process.stderr
    assert process.returncode != 0


def test_a_full_disk_under_what_libraries_write(tmp_path: Path) -> None:
    """HDF5 itself crashes the process when a write fails; a checkpoint, being larger, would fill the disk before."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from mnist_etc.backend import load_tensorflow
from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary
load_tensorflow()
import keras
from mnist_etc.models.h5 import write_h5
from mnist_etc.export.onnx import write_onnx
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(500, kernel_initializer="zeros")])
writers = {"h5": write_h5, "onnx": lambda model, path: write_onnx(model, path, np.zeros((64, 3), np.float32))}
for suffix, write in writers.items():
    Path("model." + suffix).write_text("old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    try:
        with temporary(Path("model." + suffix)) as path:
            write(model, path)
    except ArtifactError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment(timed=True),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for suffix, line in zip(("h5", "onnx"), done.stdout.splitlines(), strict=True):
        assert line.startswith(f"Cannot write model.{suffix}: File too large.")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"model.h5": "old", "model.onnx": "old"}


@pytest.mark.parametrize("moment", range(3))
def test_sigkill_while_publishing(tmp_path: Path, moment: int) -> None:
    """Killed at any moment of a loop that saves: what bears the final name is one of the whole versions."""
    script = """
import sys
from pathlib import Path
from mnist_etc.files import write_bytes
for number in range(10**6):
    write_bytes(Path("final"), bytes([number % 256]) * 3_000_000)
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.0137 * moment)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    content = (tmp_path / "final").read_bytes()
    assert len(content) == 3_000_000
    assert len(set(content)) == 1


def test_infer_on_a_full_disk(run: Run, tiny: Path, tmp_path: Path, project: Path) -> None:
    assert run("infer.py", *TINY).returncode == 0
    table = next(tiny.glob("*_inference.csv"))
    before = table.read_bytes()
    process = subprocess.run(
        [sys.executable, str(project / "infer.py"), *TINY],
        cwd=tmp_path,
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}, timed=True),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)),
    )
    refused(Completed(process.returncode, process.stdout, process.stderr, 0), table.name, plain=True)
    assert table.read_bytes() == before
