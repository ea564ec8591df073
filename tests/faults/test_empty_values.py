"""An empty value is what an unset variable of the shell leaves: refused for every text, so that no job takes ``.``."""

from __future__ import annotations

import keyword
from pathlib import Path

import pytest
from support import SCHEMAS, Run, refused

from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.inference.config import InferCommand
from mnist_etc.overrides import kinds
from mnist_etc.schema import check
from mnist_etc.serving.config import ServeCommand

REQUIRED = {"copy": ["source=a", "target=b"]}
"""Keys without a default."""


@pytest.mark.parametrize("command", SCHEMAS)
def test_every_text_of_every_command(command: str) -> None:
    config = compose(command, SCHEMAS[command], REQUIRED.get(command, []))
    for key, kind in kinds(SCHEMAS[command]).items():
        if kind not in (str, str | None, list[str]) or (key == "data.root" and command == "audit"):
            continue
        *folders, name = key.split(".")
        owner = getattr(config, folders[0]) if folders else config
        name += "_" * keyword.iskeyword(name)
        value = getattr(owner, name)
        setattr(owner, name, ["a", ""] if kind == list[str] else "")
        with pytest.raises(ConfigError, match=rf"Expected .*{key}.*; received "):
            check(config)
        setattr(owner, name, value)


@pytest.mark.parametrize(
    ("key", "null"),
    [("input", ", or pass input=null for the dataset's test split."), ("artifacts", ".")],
)
def test_the_line_says_what_null_means(key: str, null: str) -> None:
    with pytest.raises(ConfigError) as error:
        compose("infer", InferCommand, [f"{key}="])
    assert str(error.value) == f"Expected a value for {key}; received an empty one. Leave it out for the default{null}"


def test_digits_need_no_root() -> None:
    assert compose("infer", InferCommand, ["data=digits", "data.root="]).data.root == ""


def test_variables_that_are_set_to_nothing_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MNIST_ETC_DATA", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
    assert compose("infer", InferCommand, []).data.root == "data"
    assert compose("serve", ServeCommand, []).serving.cache == str(Path.home() / ".cache/mnist_etc")


def test_the_current_folder_is_not_classified(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    refused(run("infer.py", "input="), "input", code=2)
