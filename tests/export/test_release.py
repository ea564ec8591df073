"""``make release`` at toy size: its files, their sums, and the way of the archive into a Triton container's folder."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from processes import python
from support import ROOT, TINY_MODEL, Run, refused

from mnist_etc.export.released import SUFFIX
from mnist_etc.export.repository import ModelRepository

SCRIPT = str(ROOT / "scripts/release.py")
GATES = ["gates=off", "gates.size_mb=10"]


@pytest.fixture(scope="module")
def docs(trained: Path) -> Path:
    """What `make docs` would leave."""
    (trained / "html").mkdir()
    (trained / "html" / "index.html").write_text("<!doctype html>\n")
    return trained / "html"


@pytest.fixture(scope="module")
def files(trained: Path, docs: Path) -> Path:
    """The folder of the release."""
    done = python(SCRIPT, "--docs", str(docs), *TINY_MODEL, *GATES, cwd=trained)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (path for path in (trained / "dist").iterdir() if path.is_dir())
    assert f"dist/{folder.name}:" in done.stdout
    return folder


def test_it_holds_what_a_release_holds_and_the_sums_of_all(files: Path) -> None:
    version = files.name
    assert {path.name for path in files.iterdir()} == {
        f"mnist_etc-{version}-py3-none-any.whl",
        f"mnist_etc-{version}-docs.tar.gz",
        f"mnist_etc-{version}{SUFFIX}",
        *("manifest.json", "model_card.md", "metrics.json", "model_info.json", "SHA256SUMS"),
    }
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=files, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK\n") == 7
    card = (files / "model_card.md").read_text()
    assert "It passed all 1 release gates." in card
    assert "trained on digits" in card
    with zipfile.ZipFile(files / f"mnist_etc-{version}-py3-none-any.whl") as wheel:
        assert {"mnist_etc/export/released.py", "conf/export.yaml"} <= set(wheel.namelist())
    with tarfile.open(files / f"mnist_etc-{version}-docs.tar.gz") as archive:
        assert archive.getnames() == ["index.html"]


def test_the_archive_is_the_folder_that_a_container_mounts_and_that_export_takes(run: Run, files: Path) -> None:
    manifest = json.loads((files / "manifest.json").read_text())
    done = run("-m", "mnist_etc.export", f"from={files}")
    assert (done.returncode, done.stderr) == (0, "")
    repository = ModelRepository(Path("triton/model_repository"))
    assert f"version 1 in {repository.model}" in done.stdout
    assert f"at most {manifest['policy']['leakage_bits']:.4g} bits" in done.stdout
    with tarfile.open(next(files.glob(f"*{SUFFIX}"))) as archive:
        assert archive.getnames() == [
            *(f"onnx-mnist_etc/1/{name}" for name in ("config.pbtxt", "labels.txt", "manifest.json", "model.onnx")),
            "onnx-mnist_etc/config.pbtxt",
        ]
        assert {(entry.mtime, entry.uid, entry.mode) for entry in archive} == {(0, 0, 0o644)}


def test_a_model_that_misses_a_gate_leaves_the_earlier_release(trained: Path, docs: Path, files: Path) -> None:
    before = (files / "SHA256SUMS").read_text()
    done = python(SCRIPT, "--docs", str(docs), *TINY_MODEL, "gates=off", "gates.accuracy=0.999", cwd=trained)
    refused(done, "every release gate", code=3)
    assert (files / "SHA256SUMS").read_text() == before
    assert [path.name for path in (trained / "dist").iterdir() if path.is_dir()] == [files.name]


def test_without_documentation_nothing_is_made(run: Run, tmp_path: Path) -> None:
    refused(run(SCRIPT, "--docs", "absent", *TINY_MODEL), "index.html", "make docs")
    assert list(tmp_path.iterdir()) == []
