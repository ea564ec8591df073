"""Every command that README and docs show is run: in the order of its page, in one folder, long ones at toy size.

What needs a server, a network, Docker or minutes is looked at instead: its keys are composed, its options asked for. A
command that nothing here knows fails, so that none is passed over.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from documents import PAGES, commands, fences, name, spans
from PIL import Image, ImageDraw
from shown_commands import PROGRAMS, Shell

ALONE = ("README.md", "docs/tutorial.md")
"""Pages that begin before anything is trained; the others stand on the default model."""
LANGUAGES = re.compile(r"sh|python|yaml|\{[\w:-]+\}|")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """With a picture, folders of pictures and of tables, labels, an archive of arrays, and what stands for a bucket."""
    (tmp_path / "photos").mkdir()
    for place in ("photo.png", "photos/seven.png"):
        digit = Image.new("L", (300, 200), 230)
        ImageDraw.Draw(digit).line([(120, 40), (180, 40), (140, 160)], fill=60, width=9, joint="curve")
        digit.save(tmp_path / place)
    (tmp_path / "labels.csv").write_text("file,label\nseven.png,7\n")
    pixels = np.asarray(digit.resize((28, 28)))
    few = np.repeat(pixels[np.newaxis], 3, axis=0)
    np.savez(tmp_path / "pathmnist.npz", test_images=few, test_labels=[[7]] * 3, val_images=few, val_labels=[[7]] * 3)
    header = ",".join(["label", *(f"pixel{place}" for place in range(pixels.size))])
    np.savetxt(tmp_path / "train.csv", [[7, *pixels.ravel()]], "%d", ",", header=header, comments="")
    (tmp_path / "digits").mkdir()
    shutil.copy(tmp_path / "train.csv", tmp_path / "digits")
    for place in ("images", "bucket/mnist"):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(tmp_path / "train.csv", tmp_path / place)
    return Shell(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name)
def test_the_commands_of_a_page_run_in_its_order(page: Path, shell: Shell, trained: Path) -> None:
    if name(page) not in ALONE:
        shutil.copytree(trained / "artifacts", shell.folder / "artifacts")
    for words in commands(page):
        shell.run(words)


@pytest.mark.parametrize("page", [page for page in PAGES if spans(page, tuple(PROGRAMS))], ids=name)
def test_commands_within_sentences_are_right(page: Path, shell: Shell) -> None:
    for words in dict.fromkeys(spans(page, tuple(PROGRAMS))):
        shell.look(words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_block_is_passed_over(page: Path) -> None:
    """Commands stand in blocks of ``sh`` alone; another kind of block has to be known here."""
    for kind, block in fences(page):
        assert LANGUAGES.fullmatch(kind), kind
        assert kind != "" or block == "", "a block without a language"
    indented = re.findall(r"(?m)^ {4,}(\S+) .*$", re.sub(r"(?ms)^```.*?^```", "", page.read_text()))
    assert not set(indented) & PROGRAMS.keys()
    assert page.read_text().count("\n```") % 2 == 0


def test_an_unknown_command_or_key_fails(shell: Shell) -> None:
    for words in (("git", "push"), ("python", "absent.py"), ("make", "absent"), ("python", "train.py", "absent=1")):
        with pytest.raises(AssertionError):
            shell.look(words)
