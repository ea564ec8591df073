from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from samples import data_config

from mnist_etc.data import digits, load, load_test
from mnist_etc.errors import DataError

CONFIG = data_config("digits", "digits", validation=200)


def test_the_split_is_fixed_and_in_proportion() -> None:
    dataset = load(CONFIG)
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [1237, 200, 360]
    assert np.array_equal(dataset.test.images, load_test(CONFIG).images)
    assert set(np.bincount(dataset.test.labels)) <= {34, 35, 36, 37, 38}
    assert dataset.sha256 == "97f44b3421cadc2920cb0ec197178565f67900064853aa2a789b791b3896f7ea"


def test_the_images_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    dataset = load(CONFIG)
    reference = load_digits()
    small = {
        np.asarray(
            Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8)).resize((28, 28), Image.Resampling.BICUBIC)
        ).tobytes(): label
        for image, label in zip(reference.images, reference.target, strict=True)
    }
    found = {
        image.tobytes(): label
        for split in (dataset.train, dataset.validation, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert found == small
    assert dataset.train.images.max() == 255
    assert dataset.train.images[:, :, 0].mean() < 32 < dataset.train.images[:, :, 14].mean()


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="Install scikit-learn again"):
        digits.read("test")
