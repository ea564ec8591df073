"""The summary, as JSON and in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from samples import answers_to, data_config, digits_model, linear_model, publish
from support import ROOT, Run

from mnist_etc.data import load_test

DIGITS = ("data=digits", "artifacts=out")
TEST = load_test(data_config("digits", "digits"))
COUNT = {"type": "integer", "minimum": 0}
SHARE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
TEXT, MAYBE = {"type": "string"}, {"type": ["string", "null"]}


def exactly(**fields: object) -> dict[str, object]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


SCHEMA = exactly(
    schema={"const": "mnist_etc/summary/1"},
    model=TEXT,
    privacy=TEXT,
    input=MAYBE,
    labels=MAYBE,
    output=TEXT,
    images=COUNT,
    skipped=COUNT,
    seconds={"type": "number"},
    images_per_second={"type": "number"},
    warnings=exactly(empty=COUNT, unfamiliar=COUNT, several=COUNT),
    labeled=COUNT,
    unlabeled=COUNT,
    unknown_labels={"type": "object", "additionalProperties": COUNT},
    accuracy={"anyOf": [{"type": "null"}, exactly(value=SHARE, low=SHARE, high=SHARE)]},
    classes={
        "type": "array",
        "items": exactly(
            **{"class": COUNT},
            name=TEXT,
            images=COUNT,
            correct=COUNT,
            predicted=COUNT,
            recall=SHARE,
            precision=SHARE,
        ),
    },
    errors={"type": "array", "items": exactly(label=TEXT, predicted=TEXT, images=COUNT)},
)
"""Users' scripts rely on it: a field changes on purpose, together with the number in ``schema``."""


def test_json_of_labeled_images(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "out", DIGITS[0])
    for number in range(40):
        folder = tmp_path / "mine" / str(TEST.labels[number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(TEST.images[number]).save(folder / f"{number}.png")
    (tmp_path / "mine" / "cat").mkdir()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "mine" / "cat" / "a.png")
    Image.fromarray(TEST.images[0]).save(tmp_path / "mine" / "b.png")
    (tmp_path / "mine" / "bad.png").write_bytes(b"no image")
    done = run("infer.py", *DIGITS, "mine", "summary=s.json", "prepare=auto")
    assert done.returncode == 3, done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    jsonschema.validate(summary, SCHEMA)
    assert (summary["images"], summary["skipped"], summary["labeled"]) == (42, 1, 40)
    assert (summary["unlabeled"], summary["unknown_labels"]) == (1, {"cat": 1})
    assert summary["warnings"]["empty"] == 1
    assert f"accuracy {summary['accuracy']['value']:.4f} on 40 images" in done.stdout
    assert sum(one["images"] for one in summary["classes"]) == 40
    wrong = sum(one["images"] for one in summary["errors"])
    assert sum(one["correct"] for one in summary["classes"]) == 40 - wrong
    assert (tmp_path / summary["output"]) == answers_to(tmp_path / "out" / "digits", "mine")


def test_json_without_labels(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "out", DIGITS[0])
    np.save(tmp_path / "mine.npy", TEST.images[:9])
    assert run("infer.py", *DIGITS, "mine.npy", "summary=s.json").returncode == 0
    summary = json.loads((tmp_path / "s.json").read_text())
    jsonschema.validate(summary, SCHEMA)
    assert (summary["accuracy"], summary["labeled"], summary["unlabeled"]) == (None, 0, 9)


def test_every_field_is_told_in_the_docs() -> None:
    page = (ROOT / "docs" / "answers.md").read_text()
    fields = [*SCHEMA["properties"], *SCHEMA["properties"]["classes"]["items"]["properties"]]  # type: ignore[index]
    assert [name for name in fields if f"`{name}`" not in page] == []


@pytest.mark.parametrize("classes", [47, 1000])
def test_many_classes(run: Run, tmp_path: Path, classes: int) -> None:
    """The terminal shows the worst and where the rest is; the files hold all."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (classes, 28, 28), np.uint8)
    names = tuple(f"class {number}" for number in range(classes))
    folder = publish(linear_model(images, np.arange(classes), names), tmp_path / "out", DIGITS[0])[1].folder
    labels = np.arange(classes)
    labels[:3] = 3
    np.savez(tmp_path / "mine.npz", x=images, y=labels)
    done = run("infer.py", *DIGITS, "mine.npz", "prepare=none", "top=5")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    shown = [line for line in lines if line.startswith("  class class")]
    assert len(shown) == 10
    assert shown[0].startswith("  class class 3: ")
    assert len(done.stdout) < 3000
    stem = answers_to(folder, "mine.npz").with_suffix("").name
    assert any(
        line.startswith("the 10 classes of the lowest recall") and f"{stem}_classes.csv" in line for line in lines
    )
    assert len((folder / f"{stem}_classes.csv").read_text().splitlines()) == classes + 1
    rows = (folder / f"{stem}_confusion.csv").read_text().splitlines()
    assert {len(rows), len(rows[0].split(",")) - 1} == {classes + 1}
    with Image.open(folder / f"{stem}_confusion.png") as picture:
        assert min(picture.size) > classes * 9
