"""A truncated or altered h5, ONNX or manifest is refused, named, with the command that makes it anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import TINY, Run, refused

AE, FULL = "ae_h32_e1_weights", "full_model_h32_ee1_ce1"
CLASSIFIER = ("-m", "train_.classifier", *[key.removeprefix("classifier.") for key in TINY], "force=true")
INFER = ("infer.py", *TINY)
TRAIN = ("train.py", *TINY)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
@pytest.mark.parametrize(
    ("file", "command"),
    [
        (f"{AE}.h5", CLASSIFIER),
        (f"{AE}.json", CLASSIFIER),
        (f"{FULL}.onnx", INFER),
        (f"{FULL}.json", INFER),
        (f"{AE}.onnx", TRAIN),
        ("clsf_h32_ee1_e1_fc_weights.h5", TRAIN),
        ("clsf_h32_ee1_e1_fc_weights.json", TRAIN),
    ],
)
def test_refused(run: Run, tiny: Path, damage: Callable[[Path], None], file: str, command: tuple[str, ...]) -> None:
    damage(tiny / file)
    refused(run(*command), file, "force=true")


def test_a_manifest_that_vouches_for_other_bytes_must_be_forged_whole(run: Run, tiny: Path) -> None:
    """Changing the figure a reader would look at is an alteration like any other."""
    manifest = tiny / f"{FULL}.json"
    content = json.loads(manifest.read_text())
    content["metrics"]["test_accuracy"] = 0.999
    manifest.write_text(json.dumps(content))
    refused(run(*INFER), f"{FULL}.json", "altered")


@pytest.mark.parametrize("file", [f"{AE}.h5", f"{AE}.json", f"{FULL}.onnx"])
def test_missing(run: Run, tiny: Path, file: str) -> None:
    (tiny / file).unlink()
    refused(run(*(INFER if file.startswith("full") else CLASSIFIER)), file, "no such file")


def test_weights_of_another_hid_dim(run: Run, tiny: Path) -> None:
    for path in list(tiny.glob("ae_h32_e1_weights.*")):
        path.rename(path.with_name(path.name.replace("h32", "h16")))
    done = run(*CLASSIFIER, "autoencoder.hid_dim=16")
    refused(done, "autoencoder.hid_dim=32 there, 16 asked for")


def test_weights_of_another_configuration(run: Run, tiny: Path) -> None:
    refused(run(*INFER, "seed=5"), "seed=0 there, 5 asked for")
    refused(run(*CLASSIFIER, "autoencoder.batch_size=7"), "autoencoder.batch_size=32 there, 7 asked for")


def test_a_finished_model_of_another_configuration_is_not_overwritten(run: Run, tiny: Path) -> None:
    before = {path: path.read_bytes() for path in tiny.glob("[!.]*.*")}
    refused(run(*TRAIN, "classifier.hidden_units=[4]"), "classifier.hidden_units=[] there, [4] asked for", "force=true")
    assert {path: path.read_bytes() for path in tiny.glob("[!.]*.*")} == before


def test_an_autoencoder_of_other_data(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        for part, count in (("train", 4), ("test", 1)):
            for label in range(10):
                folder = tmp_path / name / part / str(label)
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = np.random.default_rng([seed, label, number]).integers(0, 256, (28, 28), np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number}.png")
    keys = ["data=folder", "data.prepare=none", "data.validation=10", "tracking_uri=null", "epochs=1"]
    assert run("-m", "train_.autoencoder", *keys, "data.root=a").returncode == 0
    refused(run("-m", "train_.classifier", *keys, "autoencoder.epochs=1", "data.root=b"), "dataset sha256")


def test_h5_of_other_shapes_under_a_true_manifest(run: Run) -> None:
    """Below the manifest: weights that do not fit the network are refused, not loaded in part."""
    script = """
from pathlib import Path
from mnist_etc.composition import compose
from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.errors import ArtifactError
from mnist_etc.models.h5 import read_h5, write_h5
from mnist_etc.models.autoencoder import build_autoencoder
configs = [compose("train", TrainCommand, [f"autoencoder.hid_dim={n}"]).autoencoder for n in (8, 16)]
small, large = map(build_autoencoder, configs)
write_h5(small, Path("small.h5"))
Path("text.h5").write_text("no HDF5")
for path in ("small.h5", "text.h5"):
    try:
        read_h5(large, Path(path))
    except ArtifactError as error:
        print(str(error).startswith("Expected " + path))
"""
    done = run("-c", script)
    assert done.stdout.split() == ["True", "True"], done.stderr
