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
"""KiB; the bombs below are of 4 GiB and 1 GiB, an inference without a bomb takes about 90 MiB."""
PIECE = 2**24


def gzip_after_the_images(path: Path) -> None:
    """An honest beginning of ten images, then 4 GiB of zeros."""
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((10, 28, 28), np.uint8))) + 256 * gzip.compress(bytes(PIECE)))


def gzip_as_the_header_says(path: Path) -> None:
    """A header of six million images, and 4 GiB that are really there."""
    header = idx_bytes(np.zeros((0, 28, 28), np.uint8), count=6_000_000)
    path.write_bytes(gzip.compress(header) + 256 * gzip.compress(bytes(PIECE)))


def npz(path: Path) -> None:
    """A deflated array of 1 GiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            shape = (2**30 // 1024, 32, 32)
            npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for _ in range(2**30 // PIECE):
                file.write(bytes(PIECE))


@pytest.mark.parametrize("make", [gzip_after_the_images, gzip_as_the_header_says, npz])
def test_inference(run: Run, tmp_path: Path, make: Callable[[Path], None]) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    make(tmp_path / "bomb")
    assert (tmp_path / "bomb").stat().st_size < 2**23
    report = tmp_path / "report"
    done = run("-c", OBSERVED, report, ROOT / "infer.py", "data=digits", "input=bomb")
    refused(done, "bomb", "bytes")
    assert int(report.read_text().split()[0]) < CAP
    assert not list((tmp_path / "artifacts").rglob("*.csv"))


@pytest.mark.parametrize("make", [gzip_after_the_images, gzip_as_the_header_says])
def test_training(run: Run, tmp_path: Path, make: Callable[[Path], None]) -> None:
    write_idx_dataset(tmp_path / "mine")
    make(tmp_path / "mine/train-images-idx3-ubyte.gz")
    done = run("train.py", "data.name=mine", "data.root=.", "data.validation=2")
    refused(done, "train-images-idx3-ubyte.gz", "bytes")
