"""A ``conf/`` of another project in the current folder is passed over; a damaged one of this project is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import PACKAGED, compose
from mnist_etc.errors import ConfigError

FOREIGN = {
    "Hydra": "defaults:\n  - data: cifar\n  - _self_\nlr: 1\n",
    "schema of its own": "defaults:\n  - base_train_schema\n  - _self_\n",
    "a comment": "# unlike train_schema\nlr: 1\n",
    "empty": "",
    "a list": "- a\n- b\n",
    "a number": "5\n",
    "no YAML": "a: [\n\t:",
    "no text": b"\xff\xfe\0\1",
}
DAMAGED = {
    "common.yaml": ["seed: [1\n", "- a\n", "5\n", "nonsense: 1\n", "seed: x\n", "artifacts: {}\n", b"\xff\xfe\0", None],
    "data/digits.yaml": ["name: &a [*a]\n", "_target_: os.system\n", "defaults: [nope]\n", "kind: 1\n", ""],
    "train.yaml": ["defaults: [train_schema]\n", "defaults: {train_schema: 1}\n", "train_schema\n", "- train_schema\n"],
}


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_of_another_project(
    content: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "conf/train.yaml", content)
    write(tmp_path / "conf/data/cifar.yaml", "root: x\n")
    monkeypatch.chdir(tmp_path)
    assert compose("train", TrainCommand, ["data=digits"]).data.name == "digits"
    assert capsys.readouterr().err == f"conf/train.yaml is another project's, without train_schema: using {PACKAGED}\n"


def test_that_has_no_such_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf/train.yaml").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    compose("train", TrainCommand, [])
    assert capsys.readouterr().err == ""


def test_of_this_project_with_a_value_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACKAGED, tmp_path / "conf")
    write(tmp_path / "conf/data/mine.yaml", "defaults: [digits, _self_]\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    assert compose("train", TrainCommand, ["data=mine"]).data.name == "mine"


@pytest.mark.parametrize(
    ("file", "content"), [(file, content) for file, contents in DAMAGED.items() for content in contents]
)
def test_damaged(file: str, content: str | bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACKAGED, tmp_path / "conf")
    (tmp_path / "conf" / file).unlink()
    if content is not None:
        write(tmp_path / "conf" / file, content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^Expected [^\n]*; received[^\n]*$"):
        compose("train", TrainCommand, ["data=digits"])
