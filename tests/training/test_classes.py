"""47 classes with names as people give them, from their folders to the answers, at toy size."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from glyphs import NAMES, draw_split, write_folder
from support import Run, refused

from mnist_etc.data.classes import natural_order
from mnist_etc.predictor import Predictor

TOY = ["data=folder", "data.root=chars", "data.name=chars", "data.prepare=none", "tracking_uri=null"]
EPOCHS = ["autoencoder.epochs=2", "classifier.epochs=40"]
SMALL = ["privacy.delta=1e-3", "autoencoder.batch_size=64", "classifier.batch_size=64"]
STEM = "full_model_h32_ee2_ce40"
FEW = """
from mnist_etc.models import fixed_features
from mnist_etc.__main__ import main
fixed_features.DRAWN = 400
main()
"""
"""``python -m mnist_etc``, with the components of ``features=scattering`` found on a fifth of the drawn images."""


@pytest.fixture(scope="module")
def chars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("drawn") / "chars", train=12, test=3)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_from_folders_to_answers(run: Run, tmp_path: Path, chars: Path) -> None:
    (tmp_path / "chars").symlink_to(chars)
    done = run("train.py", *TOY, *EPOCHS)
    assert done.returncode == 0, done.stderr
    folder, names = tmp_path / "artifacts/chars", tuple(natural_order(NAMES))
    for manifest in folder.glob("*_weights.json"):
        assert tuple(json.loads(manifest.read_text())["classes"]) == names
    for stem in (STEM, "clsf_h32_ee2_e40_fc_weights"):
        stated = {prop.key: prop.value for prop in onnx.load(folder / f"{stem}.onnx").metadata_props}
        assert tuple(json.loads(stated["classes"])) == names
    stated = {prop.key: prop.value for prop in onnx.load(folder / "ae_h32_e2_weights.onnx").metadata_props}
    assert stated.keys() == {"weights_sha256", "epsilon", "git_commit"}
    assert Predictor(folder / f"{STEM}.onnx").names == names
    pictures = [path.name for path in (folder / "ae_h32_e2_examples_2").iterdir()]
    assert len(pictures) == len(set(map(str.casefold, pictures)))

    done = run("infer.py", *TOY, *EPOCHS)
    assert done.returncode == 0, done.stderr
    rows = table(folder / "clsf_h32_ee2_e40_inference.csv")
    assert [row["label"] for row in rows] == [name for name in names for _ in range(3)]
    assert [row["predicted"] for row in rows] == [names[int(row["class"])] for row in rows]
    right = np.mean([row["predicted"] == row["label"] for row in rows])
    assert right > 5 / 47
    assert f"accuracy {right:.4f} on 141 images" in done.stdout
    assert done.stdout.count("  class ") == 10
    assert "the 10 classes of the lowest recall; all 47: " in done.stdout

    done = run("infer.py", *TOY, *EPOCHS, "data.side=32")
    refused(done, "data.side=28 there, 32 asked for")
    (chars / "test/none of them").mkdir()
    (chars / "test/a/0.png").rename(chars / "test/none of them/0.png")
    try:
        refused(run("infer.py", *TOY, *EPOCHS), "of the 47 classes of", "received none of them too")
    finally:
        (chars / "test/none of them/0.png").rename(chars / "test/a/0.png")
        (chars / "test/none of them").rmdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "keys"),
    [
        (32, ["classifier.fine_tune=true", "classifier.augment=true"]),
        (64, ["autoencoder.private=true", "autoencoder.pretraining_epochs=0", "classifier.private=true"]),
        (32, ["features=scattering", "classifier.private=true"]),
    ],
)
def test_other_sides_in_every_kind_of_training(
    run: Run, tmp_path: Path, chars: Path, side: int, keys: list[str]
) -> None:
    (tmp_path / "chars").symlink_to(chars)
    once = ["autoencoder.epochs=1", "classifier.epochs=1", f"data.side={side}", *SMALL, *keys]
    done = run("-c", FEW, "train", *TOY, *once, timeout=600)
    assert done.returncode == 0, done.stderr
    (model,) = (tmp_path / "artifacts/chars").glob("full_model_*.onnx")
    predictor = Predictor(model)
    assert (predictor.side, len(predictor.names)) == (side, 47)
    assert predictor.probabilities(draw_split(1, side=side).images).shape == (47, 47)
    done = run("infer.py", *TOY, *once, "input=chars/test")
    assert done.returncode == 0, done.stderr
    assert "141 images" in done.stdout
