"""How the folder of a run is called, and the commands that find it again."""

from __future__ import annotations

import os

import pytest

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.artifacts.remedies import words_of_use
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.composition import compose
from mnist_etc.export.config import ExportCommand
from mnist_etc.models.zoo import ZOO, ZooModel

LONGEST = 255
"""Bytes that Linux's file systems take."""


def asked(*words: str) -> SupervisedCommand:
    return compose("supervised", SupervisedCommand, list(words))


def test_a_name_of_many_letters_of_another_script_can_be_written() -> None:
    kana = ",".join(f"'{50 * chr(0x3042 + number)}'" for number in range(3))
    names = {
        RunFolder.of(command, command.model).path.name
        for command in (asked(f"data.classes=[{kana}]"), asked(f"data.classes=[{kana},'z']"))
    }
    assert len(names) == 2
    assert all(len(os.fsencode(name)) <= LONGEST for name in names)


@pytest.mark.parametrize("word", ["model=cnn", "model=tiny", "model.name=mine"])
def test_a_command_that_uses_a_model_finds_the_folder_of_its_training(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also that of a row of one's own, which has no file in ``conf/``."""
    monkeypatch.setattr(ZOO, "_rows", dict(ZOO._rows))
    ZOO.add("mine", ZooModel(help="mine", build="mine:build", layers=frozenset({"Dense"})))
    training = asked(word, "model.epochs=2", "data=digits")
    use = compose("export", ExportCommand, words_of_use(training, training.model))
    assert use.model == training.model
    assert RunFolder.of(use, use.model).path == RunFolder.of(training, training.model).path
