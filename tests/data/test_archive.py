from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from samples import idx_bytes

from mnist_etc.data.archive import open_zip
from mnist_etc.data.source import InputOptions
from mnist_etc.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a.bin"], r"an archive of a.bin\. Save the images with numpy.savez"),
        (["model/data.pkl"], r"a PyTorch file, .* can run code .*numpy.savez"),
        (["[Content_Types].xml", "xl/workbook.xml"], r"an Excel workbook\. Save its sheet as CSV"),
        (["a/1.PNG", "a/2.PNG"], r"an archive of a/1.PNG, a/2.PNG\. Unpack it and pass input=<the folder>"),
        ([], "an archive of nothing"),
    ],
)
def test_an_archive_without_arrays(tmp_path: Path, files: list[str], words: str) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for file in files:
            archive.writestr(file, b"\x80\x02.")
    with pytest.raises(DataError, match=words):
        open_zip(tmp_path / "archive", InputOptions())


def test_a_key_chooses_a_file_of_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("gzip/a-test-images-idx3-ubyte", idx_bytes(IMAGES[:3]))
        archive.writestr("gzip/a-train-images-idx3-ubyte", idx_bytes(IMAGES[3:]))
        archive.writestr("gzip/a-idx-readme.txt", b"what this is")
    for key, expected in ((None, IMAGES[:3]), ("a-train-images-idx3-ubyte", IMAGES[3:])):
        source = open_zip(tmp_path / "a.zip", InputOptions(key=key))
        assert bool(source.notes) == (key is None)
        assert np.array_equal(np.concatenate([piece.images for piece in source.pieces]), expected)
    with pytest.raises(DataError, match=r"Expected a file b of images in .*input_key="):
        open_zip(tmp_path / "a.zip", InputOptions(key="b"))


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("images-idx3-ubyte", idx_bytes(IMAGES))
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-60])
    with pytest.raises(DataError, match="no whole NumPy file or zip archive"):
        open_zip(tmp_path / "a.zip", InputOptions())
