"""A user's own dataset: the script of the page that tells how, run as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from samples import data_config, refusal
from support import ROOT, TINY, Run, refused

from mnist_etc.data import Split, load_test
from mnist_etc.data.registry import DATASETS, DatasetKind

PAGE = (ROOT / "docs/add/dataset.md").read_text()
MINE = ["data.kind=mine", "data.name=mine"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_works(run: Run, tmp_path: Path) -> None:
    (script,) = blocks("python")
    (tmp_path / "mine.py").write_text(script)
    train, infer = (line.split()[2:] for line in blocks("sh")[0].splitlines())
    assert (train, infer) == (["train", "data=digits", *MINE], ["infer", "data=digits", *MINE])
    toy = [word for word in TINY if not word.startswith(("data=", "data.validation"))]

    done = run(tmp_path / "mine.py", *train, *toy)
    assert done.returncode == 0, done.stderr
    (manifest,) = (tmp_path / "artifacts/mine").glob("full_model_*.json")
    settings = json.loads(manifest.read_text())["configuration"]["data"]
    assert settings == {"name": "mine", "kind": "mine", "validation": 200, "split_seed": 0}

    done = run(tmp_path / "mine.py", *infer, *toy)
    assert done.returncode == 0, done.stderr
    assert "on 200 images" in done.stdout


def test_without_its_row_the_kind_is_unknown(run: Run) -> None:
    refused(
        run("train.py", "data=digits", *MINE),
        "data.kind as one of idx, digits, folder, published, csv, parquet; received 'mine'",
        code=2,
    )


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (
            np.zeros((3, 28, 28)),
            [0, 1, 2],
            "uint8 and shape (n, 28, 28) from data.kind=odd, part test; received float64",
        ),
        (np.zeros((3, 28, 27), np.uint8), [0, 1, 2], "received uint8 of shape (3, 28, 27)"),
        (np.zeros((0, 28, 28), np.uint8), [], "received uint8 of shape (0, 28, 28)"),
        (np.zeros((3, 28, 28), np.uint8), [0, 1], "3 integer labels"),
        (np.zeros((2, 28, 28), np.uint8), [0.0, 1.0], "received float64 of shape (2,)"),
        (np.zeros((2, 28, 28), np.uint8), [0, 10], "labels 0 to 9 from data.kind=odd, part test; received 0 to 10"),
    ],
)
def test_what_a_reader_may_not_return(
    monkeypatch: pytest.MonkeyPatch, images: np.ndarray, labels: list[float], words: str
) -> None:
    row = DatasetKind(reader=lambda config, part: Split(images, np.array(labels)))
    monkeypatch.setitem(DATASETS._rows, "odd", row)
    assert words in refusal(lambda: load_test(data_config("odd", "odd")))


def test_a_reader_returns_a_split(monkeypatch: pytest.MonkeyPatch) -> None:
    row = DatasetKind(reader=lambda config, part: (np.zeros((2, 28, 28), np.uint8), np.array([3, 9])))
    monkeypatch.setitem(DATASETS._rows, "pair", row)
    assert "received tuple. Return Split(images, labels)" in refusal(lambda: load_test(data_config("pair", "pair")))


def test_labels_become_int64(monkeypatch: pytest.MonkeyPatch) -> None:
    row = DatasetKind(reader=lambda config, part: Split(np.zeros((2, 28, 28), np.uint8), np.array([3, 9], np.uint8)))
    monkeypatch.setitem(DATASETS._rows, "small", row)
    assert load_test(data_config("small", "small")).labels.dtype == np.int64
