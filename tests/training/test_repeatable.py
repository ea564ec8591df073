"""One seed, one model: whoever else draws from the global generators, and wherever a training stopped and went on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support import same_weights

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.tracking.tracker import Tracker

KEYS = ["data=digits", "data.validation=700", "tracking_uri=null", "classifier.hidden_units=[16]"]
KEYS += [f"{model}.{key}" for model in ("autoencoder", "classifier") for key in ("epochs=2", "batch_size=64")]
ON_IMAGES = ["classifier.epochs=3", "classifier.fine_tune=true", "classifier.augment=true"]


class Meddling(Tracker):
    """Draws from every global generator and seeds it, as a library may, and stops the training in its second epoch."""

    def __init__(self) -> None:
        super().__init__(None, None, {})

    @contextmanager
    def child(self, name: str) -> Iterator[None]:
        import tensorflow as tf

        tf.random.set_seed(random.SystemRandom().randrange(2**31))
        random.seed()
        np.random.seed()  # noqa: NPY002 -- it is the global one that must have no say
        with super().child(name):
            yield

    def metrics(self, values: dict[str, float], epoch: int | None = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture
def no_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """The h5 holds the weights; the export costs more than the training."""
    monkeypatch.setattr("mnist_etc.export.onnx.write_onnx", lambda _, path, *__: path.write_bytes(b"onnx"))


@pytest.mark.usefixtures("no_onnx")
def test_stopped_in_each_training_and_between_them_under_a_meddler(tmp_path: Path) -> None:
    from mnist_etc.training.autoencoder import AutoencoderTraining
    from mnist_etc.training.classifier import ClassifierTraining
    from mnist_etc.training.recipe import run_training

    quiet = Tracker()
    for folder in ("whole", "stopped"):
        keys = [*KEYS, f"artifacts={tmp_path / folder}"]
        command, on_images = (compose("train", TrainCommand, [*keys, *more]) for more in ([], ON_IMAGES))
        dataset = load(command.data)
        fits = [
            (command, partial(AutoencoderTraining, command, command.autoencoder, dataset)),
            *(
                (run, partial(ClassifierTraining, run, run.autoencoder, run.classifier, dataset))
                for run in (command, on_images)
            ),
        ]
        for run, training in fits:
            if folder == "stopped":
                with pytest.raises(KeyboardInterrupt):
                    run_training(training(), run, dataset, Meddling())
            run_training(training(), run, dataset, quiet)
    files = sorted((tmp_path / "whole" / "digits").glob("*.h5"))
    assert len(files) == 5
    for file in files:
        assert same_weights(file, tmp_path / "stopped" / "digits" / file.name), file.name


def test_the_attackers_networks_follow_from_their_seed() -> None:
    import keras

    from mnist_etc.attack.config import ReconstructCommand
    from mnist_etc.attack.evaluator import Evaluator
    from mnist_etc.attack.inverse_network import invert
    from mnist_etc.data.dataset import Split

    small = ["attack.epochs=1", "attack.units=4", "attack.blocks=1", "attack.networks=1"]
    config = compose("reconstruct", ReconstructCommand, small).attack
    generator = np.random.default_rng(0)
    images, answers = generator.integers(0, 256, (20, 28, 28), np.uint8), generator.random((20, 10), np.float32)
    made = []
    for number, seed in enumerate((0, 0, 1)):
        keras.utils.set_random_seed(number)
        classes = Evaluator(Split(images=images, labels=np.arange(20) % 10), seed)._network(images[..., None] / 255)
        rebuilt = invert(config, answers, images.astype(np.float32) / 255, answers, seed)
        made.append(np.asarray(classes).tobytes() + rebuilt.tobytes())
    assert made[0] == made[1] != made[2]
