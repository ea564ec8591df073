"""Neither ``../`` nor a symbolic link leads out of ``artifacts/``."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import TINY, Run, refused

from mnist_etc.errors import ArtifactError
from mnist_etc.files import inside


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x"])
def test_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="leads out of"):
        inside(tmp_path, name)


def test_a_linked_dataset_folder(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "digits").symlink_to(outside)
    refused(run("train.py", *TINY), "artifacts/digits", "outside", plain=True)
    assert list(outside.iterdir()) == []


def test_a_linked_result(run: Run, tiny: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    target = tiny / "clsf_h32_ee1_e1_inference.csv"
    target.symlink_to(precious)
    refused(run("infer.py", *TINY), target.name, "precious", plain=True)
    assert precious.read_text() == "mine"
