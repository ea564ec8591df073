from __future__ import annotations

import dataclasses
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import data_config, idx_bytes, refusal, write_idx_dataset

from mnist_etc.data import load, load_test
from mnist_etc.data.config import Prepare
from mnist_etc.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six training and two test images of each label; an image's brightest pixel is 200 plus its label."""
    for part, count in (("train", 6), ("test", 2)):
        for label in range(10):
            folder = tmp_path / part / str(label)
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.zeros((28, 28), np.uint8)
                pixels[10:18, 10 + number] = 200 + label
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


def test_labels_are_the_names_of_the_folders(root: Path) -> None:
    dataset = load(data_config("mine", "folder", root, validation=10))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [50, 10, 20]
    for split in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(split.images.max((1, 2)), 200 + split.labels)


def test_bad_images_are_counted_and_one_is_named(root: Path) -> None:
    (root / "test/4/0.png").write_bytes(b"no image")
    (root / "test/7/1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"test/4/0.png.*2 of 20 images"):
        load_test(data_config("mine", "folder", root))


def test_an_empty_root_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected images in .*/train/<class>/\*.png"):
        load(data_config("mine", "folder", tmp_path))


def draw(folder: Path, *names: str, count: int = 1) -> None:
    """So many images in the folder of each name, whose brightest pixel is 100 plus the place of the name."""
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.zeros((28, 28), np.uint8)
            pixels[10:18, 10 + number] = 100 + place % 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_any_name_is_a_class_and_numbers_count_as_such(tmp_path: Path) -> None:
    names = ["2", "10", "a2", "a10", "a b", 'say "b", ok', "²", "Ä"]
    draw(tmp_path / "train", *reversed(names), count=4)
    draw(tmp_path / "test", "Ä", "10")
    (tmp_path / "train/.ipynb_checkpoints").mkdir()
    dataset = load(data_config("mine", "folder", tmp_path))
    assert dataset.names == dataset.test.names == dataset.validation.names == tuple(names)
    for split in (dataset.train, dataset.validation):
        assert np.array_equal(split.images.max((1, 2)), 107 - split.labels)
    assert [names[label] for label in dataset.test.labels] == ["10", "Ä"]
    assert np.array_equal(dataset.test.images.max((1, 2)), [101, 100])
    alone = load_test(data_config("mine", "folder", tmp_path))
    assert (alone.names, alone.labels.tolist()) == (dataset.names, dataset.test.labels.tolist())


def test_the_test_folders_alone_name_their_own(tmp_path: Path) -> None:
    draw(tmp_path / "test", "b", "a")
    split = load_test(data_config("mine", "folder", tmp_path))
    assert (split.names, split.labels.tolist()) == (("a", "b"), [0, 1])
    renumbered = split.renumbered(["b", "c", "a"], "the model")
    assert (renumbered.names, renumbered.labels.tolist()) == (("b", "c", "a"), [2, 0])
    assert refusal(lambda: split.renumbered(["b", "c"], "the model")) == (
        "Expected images of the 2 classes of the model, b, c; received 1 of a. Remove them, or train with them."
    )


def test_the_way_a_letter_is_composed_is_no_other_class(tmp_path: Path) -> None:
    """Some systems write "Ä" as "A" and two dots."""
    draw(tmp_path / "train", "A", "A\u0308", count=3)
    draw(tmp_path / "test", "\u00c4")
    dataset = load(data_config("mine", "folder", tmp_path))
    assert (dataset.names, dataset.test.labels.tolist()) == (("A", "\u00c4"), [1])


def test_what_names_may_not_be(tmp_path: Path) -> None:
    draw(tmp_path / "train", "one", count=3)
    config = data_config("mine", "folder", tmp_path)
    assert "Expected 2 to 1,000 classes from the folders in" in refusal(lambda: load(config))
    draw(tmp_path / "train", "one", "two\nlines", count=3)
    assert r"text on one line" in refusal(lambda: load(config))
    shutil.rmtree(tmp_path / "train/two\nlines")
    (tmp_path / "train/empty").mkdir()
    assert refusal(lambda: load(config)) == (
        f"Expected images in each folder of {tmp_path}/train, which is a class; received none in empty. Add some, or "
        "remove the folder."
    )
    shutil.rmtree(tmp_path / "train/empty")
    draw(tmp_path / "train", "one", "two", count=3)
    draw(tmp_path / "test", "two", "three", "four")
    assert refusal(lambda: load(config)) == (
        f"Expected folders in {tmp_path}/test of the 2 classes of {tmp_path}/train/, one, two; received four, three "
        "too. Move what is no class elsewhere, or train with it."
    )


def test_a_thousand_and_one_classes_are_refused_in_a_short_line(tmp_path: Path) -> None:
    draw(tmp_path / "train", *map(str, range(1001)))
    message = refusal(lambda: load(data_config("mine", "folder", tmp_path)))
    assert "received 1,001, 0, 1, 2, 3, 4, 5, 6, 7, 8 and 992 more" in message


def test_classes_are_what_the_user_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a training folder does not tell who is in it: `data.classes` holds whatever the folders are."""
    draw(tmp_path / "train", "a", "b", count=3)
    draw(tmp_path / "test", "b")
    config = dataclasses.replace(data_config("mine", "folder", tmp_path), classes=["c", "b", "a"])
    dataset = load(config)
    assert (dataset.names, dataset.test.labels.tolist()) == (("c", "b", "a"), [1])
    assert set(dataset.train.labels) | set(dataset.validation.labels) == {1, 2}
    assert capsys.readouterr().err == f"no training image of c in {tmp_path}: the model cannot learn them\n"
    config.classes = ["b", "c"]
    assert "of the 2 classes of data.classes, b, c; received a too" in refusal(lambda: load(config))


@pytest.mark.parametrize("side", [32, 64])
def test_pictures_come_at_the_side_that_is_asked_for(tmp_path: Path, side: int) -> None:
    """Each as it is at 28, but for the grain: the box, its place and the width of strokes are in proportion."""
    sheet = np.full((300, 200), 230, np.uint8)
    sheet[60:240, 90:110] = 40
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                Image.fromarray(sheet).save(tmp_path / part / name / f"{number}.png")
    config = dataclasses.replace(data_config("mine", "folder", tmp_path), prepare=Prepare.auto)
    small, large = (load(dataclasses.replace(config, side=one)).test.images[0] for one in (28, side))
    assert large.shape == (side, side)
    spans = [np.ptp(np.flatnonzero(image.max(axis=1) > 127)) + 1 for image in (small, large)]
    assert spans[0] == 20
    assert abs(spans[1] - 20 * side / 28) <= 1.5
    widths = [image.sum() / 255 / span for image, span in zip((small, large), spans, strict=True)]
    assert widths[1] == pytest.approx(widths[0] * side / 28, abs=0.6)
    mass = [(image.sum(axis=0) @ np.arange(len(image))) / image.sum() / len(image) for image in (small, large)]
    assert mass[1] == pytest.approx(mass[0], abs=0.02)


def test_classes_of_an_idx_dataset_are_its_training_labels(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine", count=12)
    labels = np.array([3, 200, 41] * 4, np.uint8)
    (tmp_path / "mine/train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    (tmp_path / "mine/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.resize(labels[1:3], 12))))
    dataset = load(data_config("mine", "idx", tmp_path))
    assert dataset.names == ("3", "41", "200")
    assert dataset.test.labels.tolist() == [2, 1] * 6
    (tmp_path / "mine/train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels * 0)))
    assert "2 to 1,000 classes" in refusal(lambda: load(data_config("mine", "idx", tmp_path)))


def test_an_idx_dataset_of_another_side_is_scaled(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine", count=12)
    config = dataclasses.replace(data_config("mine", "idx", tmp_path), side=32)
    dataset = load(config)
    assert dataset.side == dataset.test.side == 32
    assert load(data_config("mine", "idx", tmp_path)).sha256 != dataset.sha256


def test_images_without_a_class_are_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "train/.hidden").mkdir()
    for name in ("d.PNG", ".e.png", ".hidden/f.png", "g.txt"):
        (root / "train" / name).touch()
    assert len(load(data_config("mine", "folder", root)).train) == 58
    assert capsys.readouterr().err == f"passed over in {root}/train: 1 in no folder; a class is a folder\n"
    (root / "other/train/cat").mkdir(parents=True)
    (root / "other/train/1.png").touch()
    with pytest.raises(DataError, match=r"received none, but 1 in no folder\. Put"):
        load(data_config("mine", "folder", root / "other"))


def test_what_is_no_image_is_counted_and_what_has_no_suffix_is_trained_on(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in range(3):
        (root / f"train/{label}/notes.txt").touch()
        (root / f"train/{label}/.DS_Store").touch()
    (root / "train/4/0.png").rename(root / "train/4/scan0")
    dataset = load(data_config("mine", "folder", root))
    assert len(dataset.train) + len(dataset.validation) == 60
    assert capsys.readouterr().err == (
        f"passed over in {root}/train, which are no images: 3 hidden or system files, 3 .txt\n"
    )
