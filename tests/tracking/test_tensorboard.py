"""What TensorBoard finds in a folder: scalars, pictures, texts, and the codes of its projector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import SCHEMAS, Run

from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.tracking.codes import Codes
from mnist_etc.tracking.tensorboard_sink import TensorboardSink
from mnist_etc.tracking.tracker import Tracker

NAMES = ["a b", 'say "hi"', "$x$"]


def codes() -> Codes:
    images = np.arange(3, dtype=np.uint8)[:, None, None] * np.full((1, 8, 8), 100, np.uint8)
    values = np.array([[0.5, -1e-9], [1 / 3, 2], [3, 4]], np.float32)
    return Codes(values=values, images=images, labels=NAMES)


def record(folder: Path, loss: float = 0.25) -> None:
    """A training of two epochs, in a run within a run."""
    examples = folder.parent / "ae_examples_2"
    examples.mkdir(exist_ok=True)
    Image.new("L", (9, 7), 40).save(examples / "sheet.png")
    Image.new("L", (9, 7), 40).save(examples / "orig_0.png")
    tracker = Tracker(TensorboardSink(folder), name="mine", tags={"data": "digits"})
    with tracker.ending(), tracker.child("classifier"):
        tracker.parameters({"a": {"b": "c|d"}})
        for epoch in (1, 2):
            tracker.metrics({"loss": loss / epoch}, epoch)
        tracker.pictures(examples, 2)
        tracker.picture("confusion", lambda: np.full((5, 6, 3), 7, np.uint8))
        tracker.codes("code of it", codes)
        tracker.metrics({"test_accuracy": 0.75})


def tags(folder: Path) -> dict[str, dict[int, object]]:
    """What is in the one event file of ``folder``, by tag and step."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (path,) = folder.glob("events.out.tfevents.*")
    found: dict[str, dict[int, object]] = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return found


def test_a_run_holds_what_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "logs")
    assert capsys.readouterr().err == ""
    assert tags(tmp_path / "logs").keys() == {"tags/name", "tags/data"}
    found = tags(tmp_path / "logs/classifier")
    assert found["loss"] == {1: 0.25, 2: 0.125}
    assert found["whole_run/test_accuracy"] == {2: 0.75}
    assert b"| a.b | c\\|d |" in found["settings"][0].item()  # type: ignore[attr-defined]
    assert "ae_examples/orig_0" not in found, "the sheet holds it"
    ((width, height, sheet, *_),) = found["ae_examples/sheet"].values()  # type: ignore[misc]
    assert (width, height, sheet[:4]) == (b"9", b"7", b"\x89PNG")
    ((width, height, *_),) = found["confusion"].values()  # type: ignore[misc]
    assert (width, height) == (b"6", b"5")


def test_the_projector_finds_codes_labels_and_images(tmp_path: Path) -> None:
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    record(tmp_path / "logs")
    folder = tmp_path / "logs/classifier"
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    values = np.loadtxt(folder / embedding.tensor_path, np.float32, delimiter="\t")
    assert np.allclose(values, codes().values, rtol=1e-6, atol=0)
    assert (folder / embedding.metadata_path).read_text().splitlines() == NAMES
    assert list(embedding.sprite.single_image_dim) == [8, 8]
    sprite = np.asarray(Image.open(folder / embedding.sprite.image_path))
    assert sprite.shape == (16, 16)
    assert [sprite[0, 0], sprite[0, 8], sprite[8, 0], sprite[8, 8]] == [0, 100, 200, 0]


def test_the_projector_colors_by_class_and_by_what_was_asked(tmp_path: Path) -> None:
    """Several columns have a line of names, which the projector wants there and only there."""
    images, values = np.zeros((3, 8, 8), np.uint8), np.zeros((3, 2), np.float32)
    told = Codes.asked(values, images, np.array([1, -1, 0]), ("shirt", "a\tbag"), np.array([2]))
    tracker = Tracker(TensorboardSink(tmp_path / "logs"), name=None, tags={})
    with tracker.ending(), tracker.child("labels"):
        tracker.codes("code", lambda: told)
    lines = (tmp_path / "logs/labels/code_labels.tsv").read_text().splitlines()
    assert lines == ["class\tasked", "a bag\tno", "not known\tno", "shirt\tyes"]


def test_a_second_training_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for loss in (0.25, 0.5):
        record(tmp_path / "logs", loss)
    assert tags(tmp_path / "logs/classifier")["loss"] == {1: 0.5, 2: 0.25}


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file")
    record(tmp_path / "logs")
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: TensorBoard in {tmp_path}/logs cannot be used: ")
    assert warning.endswith("The training goes on untracked.")


def test_a_private_training_shows_no_training_image(run: Run, tmp_path: Path) -> None:
    """The real command: what it writes for TensorBoard is of validation images, and names the data by an HMAC alone."""
    keys = ("data=digits", "data.validation=500", "epochs=1", "private=true", "batch_size=64", "pretraining_epochs=0")
    done = run("-m", "train_.autoencoder", *keys, "tracking_uri=null", "tracking.tensorboard=true")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (folder,) = (tmp_path / "artifacts/digits/logs/tensorboard").iterdir()
    command = compose("autoencoder", SCHEMAS["autoencoder"], ["data=digits", "data.validation=500"])
    dataset = load(command.data)
    sprite = np.asarray(Image.open(folder / "autoencoder/code_sprite.png"))
    columns = len(sprite) // 28
    shown = sprite.reshape(columns, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28)[:500]
    assert np.array_equal(shown, dataset.validation.images)
    labels = (folder / "autoencoder/code_labels.tsv").read_text().split()
    assert labels == [dataset.names[label] for label in dataset.validation.labels]
    told = tags(folder)
    assert "tags/dataset_hmac_sha256" in told
    assert not any(dataset.sha256.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
