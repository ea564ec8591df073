"""Which data a private model was trained on is known to the holder of a key alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.data_key import DataKey, named
from mnist_etc.errors import ArtifactError

DATA = "ab" * 32
STAGES = {"epsilon": 3.0, "words": "x", "stages": [{"name": "classifier"}]}


def artifact(folder: Path) -> Artifact:
    return Artifact(folder=folder, stem="model", make=lambda _: "make it", key=DataKey(folder / "key"))


def published(folder: Path, privacy: dict) -> Artifact:
    one = artifact(folder)
    writers = {path: (lambda path: path.write_bytes(b"weights") and None) for path in (one.h5, one.onnx)}
    one.publish(writers, settings={"a": 1}, dataset_sha256=DATA, metrics={"accuracy": 1.0}, privacy=privacy)
    return one


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = DataKey(tmp_path / "folder" / "key")
    assert key.name(DATA) == key.name(DATA) == key.known_name(DATA, "train again") != key.name("cd" * 32)
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert named(DATA, key, private=True) == {"dataset_hmac_sha256": key.name(DATA)}
    assert DataKey(tmp_path / "other").name(DATA) != key.name(DATA)


def test_a_plain_model_needs_no_key(tmp_path: Path) -> None:
    key = DataKey(tmp_path / "key")
    assert named(DATA, key, private=False) == {"dataset_sha256": DATA}
    one = published(tmp_path, {"epsilon": None, "words": "none: plain", "stages": []})
    assert one.verify(one.h5, {"a": 1}, DATA)["dataset_sha256"] == DATA
    assert not key.path.exists()


def test_a_private_model_knows_its_data_without_telling_them(tmp_path: Path) -> None:
    one = published(tmp_path, STAGES)
    assert DATA not in one.manifest.read_text()
    assert "dataset_sha256" not in json.loads(one.manifest.read_text())
    one.verify(one.h5, {"a": 1}, DATA)
    assert one.find_finished({"a": 1}, DATA) == {"accuracy": 1.0}
    with pytest.raises(
        ArtifactError, match=r"received dataset HMAC by .*key [0-9a-f]{12} there, [0-9a-f]{12} asked for"
    ):
        one.verify(one.h5, {"a": 1}, "cd" * 32)


def test_a_lost_key_is_said_and_none_is_made_in_its_place(tmp_path: Path) -> None:
    one = published(tmp_path, STAGES)
    one.key.path.unlink()
    one.verify(one.h5, {"a": 1})
    with pytest.raises(
        ArtifactError, match=r"^Expected .*key, the key under .* or train it again: make it force=true\."
    ):
        one.verify(one.h5, {"a": 1}, DATA)
    assert not one.key.path.exists()
