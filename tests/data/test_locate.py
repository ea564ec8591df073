"""MNIST's own files under every name and in every place in which people hold them."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import data_config, write_idx_dataset

from mnist_etc.data import load, load_test
from mnist_etc.errors import DataError


def unpack(folder: Path) -> None:
    for file in list(folder.iterdir()):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()


def dotted(folder: Path) -> None:
    """As Kaggle and some browsers name them."""
    for file in list(folder.iterdir()):
        file.rename(folder / file.name.replace("-idx", ".idx"))


def dotted_and_unpacked(folder: Path) -> None:
    unpack(folder)
    dotted(folder)


def in_folders_of_their_names(folder: Path) -> None:
    """As Kaggle's archive unpacks."""
    unpack(folder)
    for file in list(folder.iterdir()):
        file.rename(folder / "moving")
        file.mkdir()
        (folder / "moving").rename(file / file.name)


def below_raw(folder: Path) -> None:
    """As torchvision stores them."""
    (folder / "raw").mkdir()
    for file in folder.glob("*.gz"):
        shutil.move(file, folder / "raw" / file.name)


def in_an_archive(folder: Path) -> None:
    dotted_and_unpacked(folder)
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.glob("*ubyte"):
            archive.write(file, f"deep/{file.name}")
            file.unlink()


@pytest.mark.parametrize(
    "change", [unpack, dotted, dotted_and_unpacked, in_folders_of_their_names, below_raw, in_an_archive]
)
def test_the_files_are_found(tmp_path: Path, change: Callable[[Path], None]) -> None:
    write_idx_dataset(tmp_path / "mine")
    before = load(data_config("mine", "idx", tmp_path)).sha256
    change(tmp_path / "mine")
    assert not (tmp_path / "mine/train-images-idx3-ubyte.gz").exists()
    assert load(data_config("mine", "idx", tmp_path)).sha256 == before


def test_a_near_miss_is_named(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    file = tmp_path / "mine/t10k-images-idx3-ubyte.gz"
    file.rename(file.with_name("t10k-images-idx3-ubyte.gz.txt"))
    with pytest.raises(DataError, match=r"is not there \(found .*t10k-images-idx3-ubyte.gz.txt.*\)\. Put"):
        load_test(data_config("mine", "idx", tmp_path))


def test_a_damaged_archive_beside_the_files_is_passed_over(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    (tmp_path / "mine/archive.zip").write_bytes(b"PK")
    assert len(load_test(data_config("mine", "idx", tmp_path))) == 12


def test_an_archive_that_lies_about_its_member_is_refused(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    in_an_archive(tmp_path / "mine")
    path = tmp_path / "mine/archive.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"no whole IDX file|Expected"):
        load(data_config("mine", "idx", tmp_path))
