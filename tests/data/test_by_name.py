"""Datasets by name: every publisher's files, read with their quirks; what is missing or another's is refused."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import publishers
import pytest
import yaml
from numpy.typing import NDArray
from samples import data_config
from support import ROOT

from mnist_etc.data import by_name, download, load, load_test
from mnist_etc.data.dataset import Split, check_split
from mnist_etc.data.published_rows import PUBLISHED
from mnist_etc.errors import DataError

COUNT = 12
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), np.uint8)
SMALL = np.random.default_rng(1).integers(0, 256, (COUNT, 16, 16), np.uint8)
LABELS = (np.arange(COUNT) % 10).astype(np.uint8)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every dataset has `COUNT` images in each part, and none is fetched."""
    for name in PUBLISHED:
        row = PUBLISHED[name]
        files = {part: tuple(dataclasses.replace(file, url="") for file in row.files[part]) for part in row.files}
        counts = {"train": (COUNT,), "test": (COUNT,)}
        monkeypatch.setitem(PUBLISHED._rows, name, dataclasses.replace(row, counts=counts, files=files))


def both(root: Path, name: str) -> tuple[Split, Split]:
    config = data_config(name, "published", root)
    parts = [check_split(by_name.read_split(config, part), name) for part in ("train", "test")]
    return parts[0], parts[1]


def written(folder: Path, write: Callable[..., None], *words: str, images: NDArray[np.uint8] = IMAGES) -> None:
    for part in ("train", "test"):
        write(folder, *words, part, images, LABELS)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("folder", ["emnist_letters", "emnist"])
def test_emnists_images_stand_upright_and_its_letters_are_letters(
    tiny: None, tmp_path: Path, zipped: bool, folder: str
) -> None:
    for part in ("train", "test"):
        publishers.write_emnist(tmp_path / folder, "letters", part, IMAGES, LABELS + np.uint8(1), zipped=zipped)
    for split in both(tmp_path, "emnist_letters"):
        assert np.array_equal(split.images, IMAGES)
        assert [split.names[label] for label in split.labels] == [*"abcdefghijab"]
        assert len(split.names) == 26


@pytest.mark.parametrize(("split", "classes"), [("digits", 10), ("balanced", 47), ("byclass", 62)])
def test_emnists_other_splits_count_from_0(tiny: None, tmp_path: Path, split: str, classes: int) -> None:
    labels = np.linspace(0, classes - 1, COUNT).astype(np.uint8)
    for part in ("train", "test"):
        publishers.write_emnist(tmp_path / "emnist", split, part, IMAGES, labels, zipped=True)
    train, _ = both(tmp_path, f"emnist_{split}")
    assert np.array_equal(train.labels, labels)
    assert len(train.names) == classes
    assert train.names[0] == "0"
    assert train.names[-1] == {"digits": "9", "balanced": "t", "byclass": "z"}[split]


def test_kmnist_is_read_as_idx_and_as_npz(tiny: None, tmp_path: Path) -> None:
    written(tmp_path / "idx/kmnist", publishers.write_kmnist_idx)
    written(tmp_path / "npz/kmnist", publishers.write_kuzushiji_npz, "kmnist")
    for form in ("idx", "npz"):
        for split in both(tmp_path / form, "kmnist"):
            assert np.array_equal(split.images, IMAGES)
            assert np.array_equal(split.labels, LABELS)
            assert split.names[:3] == ("o", "ki", "su")


def test_k49_has_49_characters(tiny: None, tmp_path: Path) -> None:
    written(tmp_path / "k49", publishers.write_kuzushiji_npz, "k49")
    train, _ = both(tmp_path, "k49")
    assert np.array_equal(train.images, IMAGES)
    assert (len(train.names), train.names[0], train.names[-1]) == (49, "a", "iteration")


def test_qmnists_labels_are_the_first_of_eight_columns(tiny: None, tmp_path: Path) -> None:
    written(tmp_path / "qmnist", publishers.write_qmnist)
    for split in both(tmp_path, "qmnist"):
        assert np.array_equal(split.images, IMAGES)
        assert np.array_equal(split.labels, LABELS)


def test_usps_is_scaled_from_16_x_16(tiny: None, tmp_path: Path) -> None:
    written(tmp_path / "usps", publishers.write_usps, images=np.repeat(SMALL[:, :8], 2, axis=1))
    for split in both(tmp_path, "usps"):
        assert split.images.shape == (COUNT, 28, 28)
        assert np.array_equal(split.labels, LABELS)
        means = np.repeat(SMALL[:, :8], 2, axis=1).mean(axis=(1, 2))
        assert np.abs(split.images.mean(axis=(1, 2)) - means).max() < 3


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name.startswith("medmnist_")])
def test_medmnists_training_images_are_train_and_val(tiny: None, tmp_path: Path, name: str) -> None:
    labels = LABELS % np.uint8(len(PUBLISHED[name].names))
    color = np.repeat(IMAGES[..., None], 3, axis=3)
    publishers.write_medmnist(
        tmp_path / "medmnist",
        name.removeprefix("medmnist_"),
        {"train": (color[:9], labels[:9]), "val": (color[9:], labels[9:]), "test": (IMAGES, labels)},
    )
    for split in both(tmp_path, name):
        assert np.array_equal(split.images, IMAGES)
        assert np.array_equal(split.labels, labels)


def test_another_datasets_files_are_refused(tiny: None, tmp_path: Path) -> None:
    config = data_config("emnist_letters", "published", tmp_path)
    publishers.write_emnist(tmp_path / "emnist", "letters", "test", IMAGES, LABELS, zipped=False)
    with pytest.raises(DataError, match=r"labels 1 to 26 from data=emnist_letters .* received 0 to 9\. Replace"):
        load_test(config)
    publishers.write_emnist(tmp_path / "emnist", "letters", "test", IMAGES[:5], LABELS[:5], zipped=False)
    with pytest.raises(DataError, match=r"Expected 12 images of 28 x 28 .* received 5 of 28 x 28 and 5\. Replace"):
        load_test(config)


def test_a_near_miss_is_named(tiny: None, tmp_path: Path) -> None:
    (tmp_path / "kmnist").mkdir()
    (tmp_path / "kmnist/t10k-images-idx3-ubyte.gz.crdownload").touch()
    with pytest.raises(DataError, match=r"is not there \(found t10k-images-idx3-ubyte.gz.crdownload\)\. Put it there"):
        load_test(data_config("kmnist", "published", tmp_path))
    with pytest.raises(DataError, match=r"usps.t.bz2 of data=usps .*csie.ntu.edu.tw"):
        load_test(data_config("usps", "published", tmp_path))


@pytest.mark.parametrize("damage", [b"", b"<html>", b"BZh9"])
@pytest.mark.parametrize("name", ["usps", "qmnist", "k49", "emnist_digits", "medmnist_breastmnist"])
def test_a_damaged_file_is_refused_in_a_line(tiny: None, tmp_path: Path, name: str, damage: bytes) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file in PUBLISHED[name].files["test"]:
        (folder / file.names[0]).write_bytes(damage)
    with pytest.raises(DataError) as caught:
        load_test(data_config(name, "published", tmp_path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_what_is_fetched_is_kept_only_with_its_checksum(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishers.write_emnist(tmp_path / "served", "digits", "test", IMAGES, LABELS, zipped=True)
    served = tmp_path / "served/gzip.zip"
    for md5, words in (("0" * 32, "another file than the expected one"), ("", "")):
        row = PUBLISHED["emnist_digits"]
        files = tuple(
            dataclasses.replace(file, url=served.as_uri(), md5=md5 or hashlib.md5(served.read_bytes()).hexdigest())
            for file in row.files["test"]
        )
        row = dataclasses.replace(row, files={"train": files, "test": files})
        monkeypatch.setitem(PUBLISHED._rows, "emnist_digits", row)
        config = data_config("emnist_digits", "published", tmp_path / "root")
        if words:
            with pytest.raises(DataError, match=words):
                load_test(config)
            assert not list((tmp_path / "root/emnist_digits").iterdir())
        else:
            assert np.array_equal(load_test(config).images, IMAGES)
            assert [file.name for file in (tmp_path / "root/emnist_digits").iterdir()] == ["gzip.zip"]


def test_more_than_the_limit_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST", 1000)
    (tmp_path / "served").write_bytes(bytes(2000))
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        download.fetch_file((tmp_path / "served").as_uri(), tmp_path / "a.zip", "")
    assert not (tmp_path / "a.zip").exists()


def test_a_dataset_by_name_is_loaded_whole(tiny: None, tmp_path: Path) -> None:
    written(tmp_path / "kmnist", publishers.write_kmnist_idx)
    dataset = load(data_config("kmnist", "published", tmp_path))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [COUNT - 2, 2, COUNT]
    assert dataset.names[9] == "wo"


def test_every_dataset_by_name_has_its_file_of_keys_and_its_line_in_the_docs() -> None:
    page = (ROOT / "docs/datasets.md").read_text()
    for name in PUBLISHED:
        keys = yaml.safe_load((ROOT / f"conf/data/{name}.yaml").read_text())
        assert (keys["name"], keys["kind"]) == (name, "published")
        assert f"`{name}`" in page
        assert PUBLISHED[name].license.split(";")[0] in page
        assert PUBLISHED[name].page in page
