"""Binaries from PyPI: only the pinned bytes, or one line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from support import Run, refused

NAMES = {
    "tritonserver": "nvidia_pytriton-0.7.0-py3-none-any.whl",
    "perf_analyzer": "tritonclient-2.51.0-py3-none-any.whl",
}


def offline(folder: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}


def test_another_file_under_the_pinned_name_is_refused(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAMES["perf_analyzer"], "w") as wheel:
        wheel.writestr("tritonclient-2.51.0.data/data/bin/perf_analyzer", "#!/bin/sh\necho planted\n")
        wheel.writestr("tritonclient-2.51.0.dist-info/METADATA", "Name: tritonclient\nVersion: 2.51.0\n")
    done = run("-m", "mnist_etc.serving.perf", "--version", env=offline(tmp_path))
    assert done.returncode == 1
    assert "planted" not in done.stdout
    assert "pip could not fetch tritonclient==2.51.0: ERROR" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "cache").rglob("perf_analyzer"))


def test_without_a_network_one_line_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("-m", "mnist_etc.serving.perf", "--version", env=offline(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: pip could not fetch tritonclient==2.51.0: ")
    assert "serving.cache=" in done.stderr
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".lock"]


@pytest.mark.parametrize("module", ["mnist_etc.serving.triton", "mnist_etc.serving.tune", "mnist_etc.export"])
def test_a_wrong_value_is_refused_before_anything_is_fetched(run: Run, tmp_path: Path, module: str) -> None:
    done = run("-m", module, "instnces=1", env=offline(tmp_path))
    refused(done, "instnces", code=2)
    assert list(tmp_path.iterdir()) == []
