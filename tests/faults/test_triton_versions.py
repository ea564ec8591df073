"""Versions come, go and break under load: no request fails, and what answers is always a whole version."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.triton_support import Client, Load, configured, first_logit, keys, publish, write_model

from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.server import TritonServer


def garbage(folder: Path) -> None:
    """A folder put there by hand."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"garbage")


def truncated(folder: Path) -> None:
    """A copy that was not finished, beside the configuration of a whole one."""
    shutil.copytree(folder.with_name("1"), folder)
    write_model(folder / "model.onnx", 2)
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def in_service(folder: Path) -> None:
    """Named by the model's own configuration, as a publication by hand might do."""
    truncated(folder)
    config = folder.parent / "config.pbtxt"
    text = config.read_text()
    assert "versions: [1]" in text
    config.write_text(text.replace("versions: [1]", "versions: [2]"))


@pytest.mark.parametrize("put", [[garbage, truncated], [in_service]])
def test_broken_versions_beside_the_one_in_service(tmp_path: Path, put: list[Callable[[Path], None]]) -> None:
    publish(tmp_path, 1)
    with TritonServer(configured(keys(tmp_path, "serving.poll_seconds=1")), quiet=True) as server:
        with Load(server.config.http_port) as load:
            time.sleep(0.3)
            for number, one in enumerate(put, start=2):
                one(tmp_path / MODEL / str(number))
            time.sleep(2.5)
            assert server.ready()
            assert Client(server.config.http_port).ready() == 200
        assert load.failed == []
        assert load.latest(1) > 100
        assert load.seen() == {first_logit(1)}


def test_a_start_beside_broken_versions(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    garbage(tmp_path / MODEL / "2")
    truncated(tmp_path / MODEL / "3")
    with TritonServer(configured(keys(tmp_path)), quiet=True) as server, Load(server.config.http_port) as load:
        time.sleep(0.3)
    assert load.failed == []
    assert load.seen() == {first_logit(1)}


def test_publication_and_rollback_under_load(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    with TritonServer(configured(keys(tmp_path, "serving.poll_seconds=1")), quiet=True) as server:
        with Load(server.config.http_port) as load:
            time.sleep(0.5)
            assert publish(tmp_path, 2) == 2
            load.wait_for(first_logit(2))
            assert ModelRepository(tmp_path).rollback() == 1
            load.wait_for(first_logit(1))
            assert publish(tmp_path, 3) == 3
            load.wait_for(first_logit(3))
        assert load.failed == []
        assert load.seen() == {first_logit(1), first_logit(2), first_logit(3)}
        assert server.ready()
        assert Client(server.config.http_port).ready() == 200
