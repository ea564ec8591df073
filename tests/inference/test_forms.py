"""Forms of file of `forms.FORMS` through the real ``infer.py``."""

from __future__ import annotations

import csv
from pathlib import Path

import array_forms  # noqa: F401 -- registers its forms
import picture_forms
import pytest
from forms import FORMS, LABELS
from samples import digits_model, publish
from support import Run

from mnist_etc.errors import ExitCode

SMALL = ["data=digits", "artifacts=artifacts"]


@pytest.fixture
def published(tmp_path: Path) -> None:
    """A small model where `SMALL` looks for it."""
    publish(digits_model(), tmp_path / "artifacts", "data=digits")


def answers(tmp_path: Path) -> list[dict[str, str]]:
    (path,) = tmp_path.glob("artifacts/**/*_inference_*_????????.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_every_format_is_answered_whole(published: None, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "mine"
    for title in picture_forms.READ:
        place = folder / str(len(list(folder.glob("*"))))
        place.mkdir(parents=True)
        FORMS[title].write(place)
    (folder / "notes.txt").write_text("by hand")
    done = run("infer.py", *SMALL, f"input={folder}")
    assert done.returncode == 0, done.stderr
    assert f"passed over in {folder}, which are no images: 1 .txt" in done.stderr
    rows = answers(tmp_path)
    assert len(rows) == len(picture_forms.READ)
    assert {row["predicted"] for row in rows} == {str(LABELS[0])}


@pytest.mark.parametrize("title", ["npz of MedMNIST: labels (n, 1)", "npy standardized as PyTorch's MNIST example"])
def test_what_was_guessed_is_said_once(published: None, tmp_path: Path, run: Run, title: str) -> None:
    done = run("infer.py", *SMALL, f"input={FORMS[title].write(tmp_path)}")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is read; input_key=<name>" if "npz" in title else "is taken for black") == 1
    assert len(answers(tmp_path)) == len(LABELS)


@pytest.mark.parametrize("title", ["the .pt of a PyTorch tensor", "npy of Python objects", "an empty folder"])
def test_a_refusal_is_one_line_and_leaves_nothing(published: None, tmp_path: Path, run: Run, title: str) -> None:
    (tmp_path / "form").mkdir()
    done = run("infer.py", *SMALL, f"input={FORMS[title].write(tmp_path / 'form')}")
    assert done.returncode not in (ExitCode.DONE, ExitCode.SOME_SKIPPED)
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("artifacts/**/*_inference_*_????????.csv"))


def test_a_key_without_an_input_is_refused(published: None, run: Run) -> None:
    done = run("infer.py", *SMALL, "input_key=images")
    assert done.returncode == ExitCode.WRONG_CONFIGURATION
    assert "input_key with an input" in done.stderr
