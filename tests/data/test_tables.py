"""Training data in tables, through `mnist_etc.data.load`; what `input=` reads is among the forms of test_forms.py."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from columnar_forms import hugging_face
from samples import data_config, refusal
from table_forms import FLAT, IMAGES, LABELS, NAMES, PIXELS, kaggle, labeled

from mnist_etc.data import load, load_test
from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.prepare import prepare, prepare_all

HEADER = ["label", *PIXELS]
MANY = labeled() * 10
"""A hundred rows."""


def write_pair(root: Path) -> None:
    kaggle(root / "mnist_train.csv", MANY, HEADER)
    kaggle(root / "mnist_test.csv", labeled(), HEADER)


def test_train_and_test_by_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pair(tmp_path)
    kaggle(tmp_path / "sample_submission.csv", [[1, 0]], ["ImageId", "Label"])
    dataset = load(data_config("mine", "csv", tmp_path, validation=10))
    assert (len(dataset.train), len(dataset.validation)) == (90, 10)
    assert dataset.names == tuple(sorted(map(str, set(LABELS.tolist()))))
    assert np.array_equal(dataset.test.images, IMAGES)
    assert [dataset.names[label] for label in dataset.test.labels] == [str(label) for label in LABELS]
    assert "passed over" in capsys.readouterr().err


def test_files_named_by_keys(tmp_path: Path) -> None:
    write_pair(tmp_path)
    (tmp_path / "mnist_train.csv").rename(tmp_path / "a.csv")
    config = replace(data_config("mine", "csv", tmp_path), train="a.csv", test=str(tmp_path / "mnist_test.csv"))
    assert len(load(config).train) == 98


def test_without_labels_in_the_test_table_a_fifth_is_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kaggle's: the same images in every run, whatever the validation split, and none of them is trained on."""
    rows = [[label, *np.roll(row, at)] for at, (label, *row) in enumerate(MANY)]
    kaggle(tmp_path / "train.csv", rows, HEADER)
    kaggle(tmp_path / "test.csv", FLAT.tolist(), PIXELS)
    first, second = (load(data_config("mine", "csv", tmp_path, split_seed=seed)) for seed in (0, 1))
    assert [len(split) for split in (first.train, first.validation, first.test)] == [78, 2, 20]
    assert np.array_equal(first.test.images, second.test.images)
    seen = {image.tobytes() for image in [*first.train.images, *first.validation.images]}
    assert not any(image.tobytes() in seen for image in first.test.images)
    assert "test.csv has no labels: 20 of 100 training images are the test images" in capsys.readouterr().err


def test_a_column_of_owners(tmp_path: Path) -> None:
    kaggle(tmp_path / "train.csv", [[f"w{at % 7}", *row] for at, row in enumerate(MANY)], ["writer", *HEADER])
    dataset = load(data_config("mine", "csv", tmp_path, owners="writer"))
    parts = [split.owners for split in (dataset.train, dataset.validation, dataset.test)]
    assert all(owners is not None for owners in parts)
    assert sum(len(np.unique(owners)) for owners in parts if owners is not None) == 7


def test_a_file_of_owners_wants_a_test_table(tmp_path: Path) -> None:
    kaggle(tmp_path / "train.csv", MANY, HEADER)
    config = data_config("mine", "csv", tmp_path, owners=str(tmp_path / "owners.txt"))
    assert "Expected test images of their own with a file of owners" in refusal(lambda: load(config))


def test_shards_of_the_hub(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 1)):
        for at in range(count):
            pq.write_table(hugging_face(labels=range(10)), tmp_path / f"{part}-{at:05}-of-{count:05}.parquet")
    dataset = load(data_config("mine", "parquet", tmp_path))
    assert (dataset.names, len(dataset.train), len(dataset.test)) == (NAMES, 28, 10)


def test_a_dataset_dict_saved_to_disk(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        table = hugging_face()
        path = tmp_path / part / "data-00000-of-00001.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        (tmp_path / part / "state.json").write_text(json.dumps({"_data_files": [{"filename": path.name}]}))
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert np.array_equal(load_test(data_config("mine", "parquet", tmp_path)).images, IMAGES)


def test_names_of_any_kind_and_another_side(tmp_path: Path) -> None:
    words = ["ä", "b c", "10", "9", "2", "ä", "b c", "10", "9", "2"]
    kaggle(tmp_path / "train.csv", labeled(words) * 3, ["class", *PIXELS])
    kaggle(tmp_path / "test.csv", labeled(words), ["class", *PIXELS])
    dataset = load(replace(data_config("mine", "csv", tmp_path), side=32))
    assert (dataset.names, dataset.side) == (("2", "9", "10", "b c", "ä"), 32)


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (FLAT.tolist(), PIXELS, "Expected a column of labels"),
        ([*labeled(), ["", *FLAT[0].tolist()]], HEADER, "received no label in line 12"),
    ],
)
def test_training_wants_labels(tmp_path: Path, rows: list[list[object]], header: list[str], words: str) -> None:
    kaggle(tmp_path / "train.csv", rows, header)
    assert words in refusal(lambda: load(data_config("mine", "csv", tmp_path)))


def test_several_tables_are_named(tmp_path: Path) -> None:
    for name in ("emnist-digits-train.csv", "emnist-letters-train.csv"):
        kaggle(tmp_path / name, labeled(), HEADER)
    assert "Choose one by data.train=<file>" in refusal(lambda: load(data_config("mine", "csv", tmp_path)))
    assert "received none. Pass data.root=" in refusal(lambda: load(data_config("mine", "parquet", tmp_path)))


@pytest.mark.parametrize("how", [Prepare.none, Prepare.auto])
@pytest.mark.parametrize("polarity", list(Polarity))
def test_images_prepared_at_once_are_as_one_by_one(how: Prepare, polarity: Polarity) -> None:
    mixed = np.concatenate([IMAGES, 255 - IMAGES, np.roll(IMAGES, 5, axis=1), np.zeros((1, 28, 28), np.uint8)])
    for one, picture in zip(prepare_all(mixed, how, polarity), mixed, strict=True):
        alone = prepare(picture, how, polarity)
        assert np.array_equal(one.images, alone.images)
        assert one.mismatch == alone.mismatch
