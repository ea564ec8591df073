from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import data_config, write_idx_dataset

from mnist_etc.data import load, load_test
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
    with pytest.raises(DataError, match=r"Expected images in .*/train/<0-9>/\*.png"):
        load(data_config("mine", "folder", tmp_path))


def test_classes_without_an_image_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "train/3")
    for file in (root / "train/7").iterdir():
        file.unlink()
    load(data_config("mine", "folder", root))
    assert capsys.readouterr().err == f"no training image of 3, 7 in {root}: the model cannot learn them\n"
    for label in (0, 1, 2, 4, 5, 6, 8):
        shutil.rmtree(root / f"train/{label}")
    with pytest.raises(DataError, match=r"two classes or more in .* received none of 0, 1, 2, 3, 4, 5, 6, 7, 8"):
        load(data_config("mine", "folder", root))


def test_classes_without_an_image_in_an_idx_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx_dataset(tmp_path / "mine", count=9)
    load(data_config("mine", "idx", tmp_path))
    assert "no training image of 9 in" in capsys.readouterr().err


def test_images_without_a_label_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ten", "03", ".hidden", "notes", "no access"):
        (root / "train" / name).mkdir()
    for name in ("ten/a.png", "ten/b.jpg", "03/c.png", "d.PNG", ".e.png", ".hidden/f.png", "notes/g.txt"):
        (root / "train" / name).touch()
    assert len(load(data_config("mine", "folder", root)).train) == 58
    assert capsys.readouterr().err == (
        f"passed over in {root}/train: 1 in 03/, 1 in no folder, 2 in ten/; a label is a folder 0 to 9\n"
    )
    (root / "other/train/cat").mkdir(parents=True)
    (root / "other/train/cat/1.png").touch()
    with pytest.raises(DataError, match=r"received none, but 1 in cat/\. Put"):
        load(data_config("mine", "folder", root / "other"))
