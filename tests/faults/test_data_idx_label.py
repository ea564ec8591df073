"""A test label that no training label is, is refused: the model would have no such class."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from samples import idx_bytes, write_idx_dataset
from support import Run, refused


def test_refused(run: Run, tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    labels = np.zeros(12, np.uint8)
    labels[7] = 10
    (tmp_path / "mine/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    done = run("train.py", "data.name=mine", "data.root=.", "data.validation=2")
    refused(done, "of the 10 classes of the training images", "received 1 of 10")
