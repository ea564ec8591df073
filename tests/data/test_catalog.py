from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest
from samples import data_config, idx_bytes, write_idx_dataset

from mnist_etc.data import load, load_test
from mnist_etc.errors import ConfigError, DataError


def test_train_and_validation_are_one_cut_of_the_training_images(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    whole = load(data_config("mine", "idx", tmp_path, validation=1))
    cut = load(data_config("mine", "idx", tmp_path, validation=5))
    assert [len(cut.train), len(cut.validation), len(cut.test)] == [7, 5, 12]
    together = {
        image.tobytes(): label
        for split in (cut.train, cut.validation)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    expected = {
        image.tobytes(): label
        for split in (whole.train, whole.validation)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert together == expected
    assert len(together) == 12


def test_the_seed_alone_decides_the_cut(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine", count=60)
    first, again, other = (load(data_config("mine", "idx", tmp_path, 20, seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.validation.images, again.validation.images)
    assert not np.array_equal(first.validation.images, other.validation.images)


def test_the_checksum_is_of_the_content(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    write_idx_dataset(tmp_path / "copy")
    before = load(data_config("mine", "idx", tmp_path, 2)).sha256
    assert load(data_config("copy", "idx", tmp_path, 5, 9)).sha256 == before
    labels = np.arange(12, dtype=np.uint8)[::-1] % 10
    (tmp_path / "copy/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    assert load(data_config("copy", "idx", tmp_path)).sha256 != before


def test_validation_must_be_smaller_than_train(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    with pytest.raises(ConfigError, match=r"data.validation below half of the 12 training images; received 6"):
        load(data_config("mine", "idx", tmp_path, 6))


def test_decompressed_files_are_taken_from_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_idx_dataset(folder)
    expected = load(data_config("mine", "idx", tmp_path)).sha256
    for file in list(folder.iterdir()):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    folder.chmod(0o555)
    try:
        assert load(data_config("mine", "idx", tmp_path)).sha256 == expected
    finally:
        folder.chmod(0o755)


def test_the_test_split_does_not_touch_the_training_files(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    for file in (tmp_path / "mine").glob("train-*"):
        file.unlink()
    assert len(load_test(data_config("mine", "idx", tmp_path))) == 12


def test_files_that_do_not_fit_each_other(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    images = gzip.compress(idx_bytes(np.zeros((11, 28, 28), np.uint8)))
    (tmp_path / "mine/t10k-images-idx3-ubyte.gz").write_bytes(images)
    with pytest.raises(DataError, match="11 images and 12 lab"):
        load_test(data_config("mine", "idx", tmp_path))


def test_a_dataset_that_is_not_there_names_the_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not there. Put train-images-idx3-ubyte.gz, .* or pass data=digits"):
        load_test(data_config("mine", "idx", tmp_path))


@pytest.mark.mnist
def test_mnist_for_real(real_data: Path) -> None:
    start = time.perf_counter()
    test = load_test(data_config("mnist", "idx", real_data))
    assert time.perf_counter() - start < 1
    dataset = load(data_config("mnist", "idx", real_data, 5000))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [55_000, 5_000, 10_000]
    assert np.array_equal(dataset.test.images, test.images)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.sha256 == "3c4cc0db2a25ab6be26edeebe0171ac5fb885ce2fc16c991a4f6c382733d5dbe"


@pytest.mark.mnist
def test_an_altered_real_file_is_refused(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for file in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        content = bytearray(gzip.decompress((real_data / "mnist" / f"{file}.gz").read_bytes()))
        content[5000] ^= 1
        (tmp_path / "mnist" / file).write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte with sha256 0fa7898d.*: altered"):
        load_test(data_config("mnist", "idx", tmp_path))
