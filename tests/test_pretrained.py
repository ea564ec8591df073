"""The network that comes with the package: whole, small, and as good as its manifest says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from samples import answers_to, data_config
from support import Run

from mnist_etc import pretrained
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.manifest import differences
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose
from mnist_etc.data import load_test
from mnist_etc.errors import ArtifactError
from mnist_etc.inference.config import InferCommand
from mnist_etc.predictor import Predictor

PHOTOS = Path(os.environ.get("MNIST_ETC_DATA", "")) / "photos"


def test_it_is_small_whole_and_takes_any_number_of_images() -> None:
    path, content = pretrained.verify()
    assert path.stat().st_size <= 500_000
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    for images in (1, 3):
        assert Predictor(path).logits(np.zeros((images, 28, 28), np.uint8)).shape == (images, 10)
    assert content["metrics"]["test_accuracy"] >= 0.993
    assert content["epsilon"] is None


def test_its_readme_names_the_keys_that_its_manifest_states() -> None:
    _, content = pretrained.verify()
    (line,) = (line for line in (pretrained.FOLDER / "README.md").read_text().splitlines() if "python train.py" in line)
    keys = [word for word in line.split()[2:] if not word.startswith("artifacts=")]
    command = compose("infer", InferCommand, keys)
    assert differences(content, fingerprint(command, command.autoencoder, command.classifier)) == ""
    made = ArtifactFolder.of(command).full_model(command.autoencoder, command.classifier).manifest.name
    assert f"/{made}" in (pretrained.FOLDER / "README.md").read_text()


@pytest.mark.parametrize("damage", ["altered", "no manifest", "no network", "another json"])
def test_a_damaged_installation_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    shutil.copytree(pretrained.FOLDER, tmp_path / "pretrained")
    network, manifest = (tmp_path / "pretrained" / name for name in (pretrained.NETWORK, pretrained.MANIFEST))
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    match damage:
        case "altered":
            network.write_bytes(network.read_bytes()[:-1] + b"\x00")
        case "no manifest":
            manifest.unlink()
        case "no network":
            network.unlink()
        case _:
            manifest.write_text(json.dumps([1]))
    with pytest.raises(ArtifactError, match=r"^Expected .* received[: ].*nstall ") as error:
        pretrained.verify()
    assert "\n" not in str(error.value)


@pytest.mark.mnist
def test_it_reads_mnist_as_its_manifest_says() -> None:
    path, content = pretrained.verify()
    test = load_test(data_config("mnist", "idx", os.environ["MNIST_ETC_DATA"]))
    right = Predictor(path).probabilities(test.images).argmax(axis=1) == test.labels
    assert right.mean() == pytest.approx(content["metrics"]["test_accuracy"], abs=2e-4)
    assert right.mean() >= 0.993


@pytest.mark.skipif(
    not PHOTOS.is_dir(), reason=f"Expected photographed digits in {PHOTOS}/<set>/<digit>/; received none"
)
def test_it_reads_other_peoples_digits(run: Run, tmp_path: Path) -> None:
    done = run("infer.py", f"input={PHOTOS}", "model=pretrained", timed=True)
    assert done.returncode == 0, done.stderr
    table = answers_to(tmp_path / "artifacts", PHOTOS.name, "pretrained")
    rows = table.read_text().splitlines()[1:]
    answers = [row.split(",")[:2] for row in rows]
    assert len(answers) >= 60
    assert np.mean([Path(name).parent.name == predicted for name, predicted in answers]) >= 0.97
