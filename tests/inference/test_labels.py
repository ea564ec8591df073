"""Labels of a user's own images: which class of the model each is, and what does not fit."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import answers_to, data_config, digits_model, idx_bytes, linear_model, publish
from support import Run, refused

from mnist_etc.data import load_test
from mnist_etc.data.inputs import Batch
from mnist_etc.data.labels import GivenLabels
from mnist_etc.errors import DataError
from mnist_etc.inference.labels import NONE, UNKNOWN, Labeler

DIGITS = ("data=digits", "artifacts=out")
TEST = load_test(data_config("digits", "digits"))
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def batch(names: Sequence[str], labels: Sequence[int] | None = None, texts: list[str] | None = None) -> Batch:
    numbers = None if labels is None else np.array(labels, np.int64)
    return Batch(list(names), np.zeros((len(names), 28, 28), np.uint8), numbers, label_texts=texts)


def numbers(labeler: Labeler, *batches: Batch) -> list[int]:
    found = [labeler.label(one) for one in batches]
    return [number for one in found if one for number in one.numbers.tolist()]


@pytest.mark.parametrize(
    ("names", "texts", "expected"),
    [
        (("cat", "dog"), ["dog", "cat", "0", "1", "2", "", " dog "], [1, 0, 0, 1, UNKNOWN, NONE, 1]),
        (("3", "7"), ["3", "7", "7.0", "0", "1"], [0, 1, 1, UNKNOWN, UNKNOWN]),
        (("3", "7"), [f"{7:.18e}", "3.", f"{1:.18e}", "7.5"], [1, 0, UNKNOWN, UNKNOWN]),
        (tuple("0123456789ABC"), ["3", "12", "B"], [3, 12, 11]),
        (("Ä", "=1+1"), ["Ä", "=1+1", "ä"], [0, 1, UNKNOWN]),
    ],
)
def test_a_name_goes_before_a_number(names: tuple[str, ...], texts: list[str], expected: list[int]) -> None:
    labeler = Labeler(names, positions=True)
    given = batch(list(map(str, range(len(texts)))), [0] * len(texts), texts)
    assert numbers(labeler, given) == expected
    whole = [text for text in texts if text.isdigit()]
    labeler = Labeler(names, positions=True)
    ints = batch(list(map(str, range(len(whole)))), list(map(int, whole)))
    assert numbers(labeler, ints) == [one for text, one in zip(texts, expected, strict=True) if text.isdigit()]


def test_unknown_labels_are_counted_shown_and_said_once() -> None:
    labeler = Labeler(("a", "b"), positions=True)
    labeled = labeler.label(batch("012345", [0] * 6, ["a", "cat", "", "cat", "dog", "b"]))
    assert labeled
    assert labeled.texts == ["a", "cat", None, "cat", "dog", "b"]
    assert labeler.complaints == [
        "'cat', 'dog': no class of the model (3 of 6 images)",
        "none for 1 of 6 images",
    ]
    many = Labeler(("a", "b"), positions=True)
    many.label(batch(list(map(str, range(3000))), [0] * 3000, [f"x{number}" for number in range(3000)]))
    assert many.unknown.total() == 3000
    assert len(many.unknown) <= 1001
    assert len(many.complaints[0]) < 200


def test_labels_in_an_order(tmp_path: Path) -> None:
    given = GivenLabels(Path("l.txt"), ordered=["a", "b", "a"])
    labeler = Labeler(("a", "b"), given=given, positions=True)
    assert numbers(labeler, batch(["0", "1:1", "1:2"]), batch(["1:11", "2"])) == [0, NONE, NONE, NONE, 0]
    labeler.check_all(0)
    with pytest.raises(DataError, match="received 3 labels and 4 images"):
        labeler.check_all(1)
    short = Labeler(("a", "b"), given=given, positions=True)
    short.label(batch(["0"]))
    short.check_all(2)
    with pytest.raises(DataError, match="received 3 labels and 2 images"):
        short.check_all(1)
    with pytest.raises(DataError, match="3 labels and more images"):
        labeler.label(batch(["3"]))
    with pytest.raises(DataError, match=r"two columns: file,label"):
        Labeler(("a", "b"), given=given).label(batch(["x.png"]))


def test_positions_that_count_from_one_are_refused() -> None:
    """As Kaggle's ImageId does: each label would go to the next image."""
    named = {"1": "a", "2": "b"}
    with pytest.raises(DataError, match="count from 0"):
        Labeler(("a", "b"), given=GivenLabels(Path("l.csv"), named=named), positions=True)
    assert Labeler(("a", "b"), given=GivenLabels(Path("l.csv"), named=named))


def test_folders_that_are_classes(tmp_path: Path) -> None:
    for name in ("a", "b/people", "cat"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    labeler = Labeler(("a", "b"), folder=tmp_path / "mine")
    given = batch(["a/1.png", "b/people/2.png", "cat/3.png", "4.png", "a/5.png:2"])
    assert numbers(labeler, given) == [0, 1, UNKNOWN, NONE, NONE]
    assert labeler.unknown == {"cat": 1}
    below = Labeler(("people", "b"), folder=tmp_path / "mine")
    assert numbers(below, batch(["b/people/2.png"])) == [1], "the folder nearest the top"
    dataset = Labeler(("people", "c"), folder=tmp_path / "mine")
    assert numbers(dataset, batch(["b/people/2.png", "a/1.png"])) == [0, UNKNOWN], "as train/ and test/ hold labels"


def test_folders_that_are_no_classes_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "mine" / "holidays").mkdir(parents=True)
    labeler = Labeler(("a", "b"), folder=tmp_path / "mine")
    assert labeler.label(batch(["holidays/1.png"])) is None
    assert labeler.phrase == "the folders holidays are no classes of the model, a, b"
    assert not labeler.complaints


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A model whose classes are words; the folder of its artifacts."""
    return publish(linear_model(TEST.images, TEST.labels, WORDS), tmp_path / "out", DIGITS[0])[1].folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_folders(run: Run, named: Path, tmp_path: Path) -> None:
    for number in range(60):
        folder = tmp_path / "mine" / WORDS[TEST.labels[number]]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(TEST.images[number]).save(folder / f"{number}.png")
    (tmp_path / "mine" / "cat").mkdir()
    Image.fromarray(TEST.images[60]).save(tmp_path / "mine" / "cat" / "60.png")
    done = run("infer.py", *DIGITS, "input=mine")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "labels: 'cat': no class of the model (1 of 61 images)\n"
    table = rows(answers_to(named, "mine"))
    assert [row["label"] for row in table] == [row["file"].partition("/")[0] for row in table]
    known = [row for row in table if row["label"] != "cat"]
    accuracy = np.mean([row["predicted"] == row["label"] for row in known])
    assert f"accuracy {accuracy:.4f} on 60 images (95 % interval " in done.stdout
    assert [WORDS[int(row["class"])] for row in table] == [row["predicted"] for row in table]
    stem = answers_to(named, "mine").with_suffix("").name
    counts = rows(named / f"{stem}_confusion.csv")
    assert [row["label"] for row in counts] == list(WORDS)
    assert sum(int(row[row["label"]]) for row in counts) == round(accuracy * 60)
    recalls = {row["name"]: row["recall"] for row in rows(named / f"{stem}_classes.csv")}
    assert f"  class seven: {float(recalls['seven']):.4f} of " in done.stdout
    with Image.open(named / f"{stem}_confusion.png") as picture:
        assert picture.width > 10 * 44


@pytest.mark.parametrize("form", ["csv", "list", "idx", "npy"])
def test_a_labels_file(run: Run, named: Path, tmp_path: Path, form: str) -> None:
    labels = TEST.labels[:50]
    match form:
        case "csv":
            (tmp_path / "mine").mkdir()
            for number, image in enumerate(TEST.images[:50]):
                Image.fromarray(image).save(tmp_path / "mine" / f"{number:02}.png")
            lines = [f"{number:02}.png,{WORDS[label]}" for number, label in enumerate(labels)]
            (tmp_path / "labels").write_text("\n".join(["file,label", *reversed(lines)]))
        case "list":
            (tmp_path / "labels").write_text("\n".join(WORDS[label] for label in labels))
        case "idx":
            (tmp_path / "labels").write_bytes(idx_bytes(labels.astype(np.uint8)))
        case _:
            with (tmp_path / "labels").open("wb") as file:
                np.save(file, labels)
    if form != "csv":
        with (tmp_path / "mine").open("wb") as file:
            np.save(file, TEST.images[:50])
    done = run("infer.py", *DIGITS, "mine", "labels=labels")
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(answers_to(named, "mine"))
    assert [row["label"] for row in table] == [WORDS[label] for label in labels]
    assert "on 50 images" in done.stdout


def test_what_does_not_fit_ends_in_a_line_and_leaves_nothing(run: Run, named: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", TEST.images[:5])
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    refused(run("infer.py", *DIGITS, "mine.npy", "labels=labels.txt"), "2 labels and more images")
    refused(run("infer.py", *DIGITS, "mine.npy", "labels=absent"), "labels=absent", plain=True)
    refused(run("infer.py", *DIGITS, "labels=labels.txt"), "labels with an input", code=2)
    assert not list(named.glob("*.csv"))


def test_folders_of_other_names_are_said(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "out", DIGITS[0])
    (tmp_path / "mine" / "holidays").mkdir(parents=True)
    Image.fromarray(TEST.images[0]).save(tmp_path / "mine" / "holidays" / "a.png")
    done = run("infer.py", *DIGITS, "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "accuracy unknown: the folders holidays are no classes of the model, 0, 1, 2" in done.stdout
