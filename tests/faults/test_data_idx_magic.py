"""An IDX file with a wrong magic number is refused, by the training and by the inference."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from samples import digits_model, idx_bytes, publish, write_idx_dataset
from support import Run, refused

MINE = ("data.name=mine", "data.root=.", "data.validation=2")
FLOATS = gzip.compress(idx_bytes(np.zeros((12, 28, 28), np.uint8), magic=0x00000D03))


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_training(run: Run, tmp_path: Path, part: str) -> None:
    write_idx_dataset(tmp_path / "mine")
    (tmp_path / f"mine/{part}-images-idx3-ubyte.gz").write_bytes(FLOATS)
    done = run("train.py", *MINE)
    refused(done, f"{part}-images-idx3-ubyte.gz", "magic number 0x00000803", "received 0x00000d03")
    assert not list((tmp_path / "artifacts").rglob("*.*"))


def test_inference(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    (tmp_path / "floats.gz").write_bytes(FLOATS)
    refused(run("infer.py", "data=digits", "input=floats.gz"), "floats.gz", "received 0x00000d03")
