"""A small file that decompresses to gigabytes is refused, and the memory it takes on the way is capped."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy
from samples import OBSERVED, digits_model, idx_bytes, publish, write_idx_dataset
from support import ROOT, Run, refused

CAP = 200 * 1024
"""KiB; the bombs below are of a GiB or more, an inference without a bomb takes about 90 MiB."""
PIECE = 2**24


def gzip_after_the_images(path: Path) -> None:
    """An honest beginning of ten images, then 4 GiB of zeros."""
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((10, 28, 28), np.uint8))) + 256 * gzip.compress(bytes(PIECE)))


def gzip_as_the_header_says(path: Path) -> None:
    """A header of 1.5 million images, and the GiB that is really there of them is classified piece by piece."""
    header = idx_bytes(np.zeros((0, 28, 28), np.uint8), count=1_500_000)
    path.write_bytes(gzip.compress(header) + 64 * gzip.compress(bytes(PIECE)))


def npz(path: Path) -> int:
    """A deflated array of 256 MiB, of so many images."""
    images = 2**28 // 784
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (images, 28, 28)})
            file.write(bytes(images * 784))
    return images


def test_an_archive_is_read_piece_by_piece(run: Run, tmp_path: Path) -> None:
    """More images than memory may hold, in a small file, are no bomb where a piece of them is held at a time."""
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    images = npz(tmp_path / "many")
    report = tmp_path / "report"
    done = run("-c", OBSERVED, report, ROOT / "infer.py", "data=digits", "input=many", "output=-", fresh=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 + images
    assert int(report.read_text().split()[0]) < CAP


@pytest.mark.parametrize("make", [gzip_after_the_images, gzip_as_the_header_says])
def test_inference(run: Run, tmp_path: Path, make: Callable[[Path], None]) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    make(tmp_path / "bomb")
    assert (tmp_path / "bomb").stat().st_size < 2**23
    report = tmp_path / "report"
    done = run("-c", OBSERVED, report, ROOT / "infer.py", "data=digits", "input=bomb", fresh=True)
    refused(done, "bomb", "bytes")
    assert int(report.read_text().split()[0]) < CAP
    assert not list((tmp_path / "artifacts").rglob("*.csv"))


@pytest.mark.parametrize("make", [gzip_after_the_images, gzip_as_the_header_says])
def test_training(run: Run, tmp_path: Path, make: Callable[[Path], None]) -> None:
    write_idx_dataset(tmp_path / "mine")
    make(tmp_path / "mine/train-images-idx3-ubyte.gz")
    done = run("train.py", "data.name=mine", "data.root=.", "data.validation=2")
    refused(done, "train-images-idx3-ubyte.gz", "bytes")
