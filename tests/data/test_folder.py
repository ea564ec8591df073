from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import data_config

from mnist_etc.config import DataKind
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
    dataset = load(data_config("mine", DataKind.folder, root, validation=10))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [50, 10, 20]
    for split in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(split.images.max((1, 2)), 200 + split.labels)


def test_bad_images_are_counted_and_one_is_named(root: Path) -> None:
    (root / "test/4/0.png").write_bytes(b"no image")
    (root / "test/7/1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"test/4/0.png.*2 of 20 images"):
        load_test(data_config("mine", DataKind.folder, root))


def test_an_empty_root_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected images in .*/train/<0-9>/\*.png"):
        load(data_config("mine", DataKind.folder, tmp_path))
