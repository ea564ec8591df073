"""A download or a copy that broke off is refused: the gzip ends early."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import write_idx_dataset
from support import Run, refused


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_refused(run: Run, tmp_path: Path, file: str) -> None:
    write_idx_dataset(tmp_path / "mine")
    path = tmp_path / "mine" / file
    path.write_bytes(path.read_bytes()[:-12])
    refused(
        run("train.py", "data.name=mine", "data.root=.", "data.validation=2"), file, "no whole IDX file", plain=True
    )


def test_an_empty_file(run: Run, tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    (tmp_path / "mine/train-images-idx3-ubyte.gz").write_bytes(b"")
    done = run("train.py", "data.name=mine", "data.root=.", "data.validation=2")
    refused(done, "train-images-idx3-ubyte.gz", "received an empty file")
