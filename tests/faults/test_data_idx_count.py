"""An IDX file whose count is not what lies in it is refused, and so are labels that do not fit the images."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from samples import idx_bytes, write_idx_dataset
from support import Run, refused

MINE = ("data.name=mine", "data.root=.", "data.validation=2")


@pytest.mark.parametrize(("count", "received"), [(13, "only 9,408: truncated"), (11, "received more")])
def test_the_header_lies(run: Run, tmp_path: Path, count: int, received: str) -> None:
    write_idx_dataset(tmp_path / "mine")
    content = idx_bytes(np.zeros((12, 28, 28), np.uint8), count=count)
    (tmp_path / "mine/train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    refused(run("train.py", *MINE), "train-images-idx3-ubyte.gz", f"{count * 784:,} bytes", received)


def test_fewer_labels_than_images(run: Run, tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    labels = gzip.compress(idx_bytes(np.zeros(11, np.uint8)))
    (tmp_path / "mine/train-labels-idx1-ubyte.gz").write_bytes(labels)
    refused(run("train.py", *MINE), "as many labels as images", "12 images and 11 labels of train")
