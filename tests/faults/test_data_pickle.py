"""A pickle offered as data is refused, whatever it is called, and nothing in it runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from samples import digits_model, publish, write_idx_dataset
from support import Run, refused


class Payload:
    """Unpickling it would make the folder ``owned``."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("name", ["data.pkl", "data.npz", "data.gz", "data.png", "data"])
def test_inference(run: Run, tmp_path: Path, name: str) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    (tmp_path / name).write_bytes(pickle.dumps(Payload()))
    refused(run("infer.py", "data=digits", f"input={name}"), name, "a pickle")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_objects_in_a_numpy_file(run: Run, tmp_path: Path, save: object) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    with (tmp_path / "data").open("wb") as file:
        save(file, np.array([Payload()], object))  # type: ignore[operator]
    refused(run("infer.py", "data=digits", "input=data"), "pickled Python objects")
    assert not (tmp_path / "owned").exists()


def test_training(run: Run, tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine")
    (tmp_path / "mine/train-images-idx3-ubyte.gz").write_bytes(pickle.dumps(Payload()))
    done = run("train.py", "data.name=mine", "data.root=.", "data.validation=2")
    refused(done, "train-images-idx3-ubyte.gz", "magic number 0x00000803", "received a pickle")
    assert not (tmp_path / "owned").exists()
