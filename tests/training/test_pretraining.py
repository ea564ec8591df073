"""The private autoencoder's start: drawn images alone, the same for the same seed, and better than fresh weights."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from support import Run, same_weights

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.data import load, scale_pixels
from mnist_etc.models.config import AutoencoderConfig
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.training import pretraining
from mnist_etc.training.autoencoder import autoencoder_task
from mnist_etc.training.pretraining import pretrain

PRIVATE = ["-m", "train_.autoencoder", "data=digits", "tracking_uri=null", "privacy.delta=1e-4", "private=true"]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn images: enough to learn from in seconds."""
    monkeypatch.setattr(pretraining, "DRAWN", 1500)


def config(*keys: str) -> AutoencoderConfig:
    keys = ("autoencoder.private=true", "autoencoder.pretraining_epochs=2", *keys)
    return compose("train", TrainCommand, ["data=digits", *keys]).autoencoder


def pretrained(given: AutoencoderConfig, seed: int = 0) -> keras.Model:
    model = AUTOENCODERS[given.model].network(given, 0)
    pretrain(partial(autoencoder_task, given, model), given, seed, 28)
    return model


def test_it_rebuilds_digits_that_it_has_not_seen() -> None:
    digits = scale_pixels(load(compose("train", TrainCommand, ["data=digits"]).data).validation.images)

    def error(model: keras.Model) -> float:
        return float(np.square(model(digits).numpy() - digits).mean())

    fresh = error(AUTOENCODERS["convolutional"].network(config(), 0))
    rebuilt = error(pretrained(config("autoencoder.pretraining_epochs=8")))
    assert rebuilt < 0.6 * min(fresh, float(digits.var()))


def test_its_seed_alone_decides_it_not_the_private_trainings_settings() -> None:
    first = pretrained(config())
    again = pretrained(config("autoencoder.batch_size=7", "autoencoder.learning_rate=3", "autoencoder.epochs=1"))
    other = pretrained(config(), seed=1)
    for one, same in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(first.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize(("private", "epochs"), [("true", 6), ("false", 0)])
def test_a_private_one_is_pretrained_and_a_plain_one_is_not(private: str, epochs: int) -> None:
    command = compose("train", TrainCommand, [f"autoencoder.private={private}", f"classifier.private={private}"])
    assert command.autoencoder.pretraining_epochs == epochs
    assert (command.classifier.random_features > 0) == (private == "true")


def test_it_is_no_stage_of_the_guarantee_and_shows_in_the_weights(run: Run, tmp_path: Path) -> None:
    command = [*PRIVATE, "epochs=1", "batch_size=128", "learning_rate=1e-8"]
    started = run(*command, "pretraining_epochs=1", "artifacts=started")
    fresh = run(*command, "pretraining_epochs=0", "artifacts=fresh")
    assert started.returncode == fresh.returncode == 0, started.stderr + fresh.stderr
    assert "on drawn images" in started.stdout
    assert "on drawn images" not in fresh.stdout
    stem = "digits/ae_h32_e1_private_weights"
    assert not same_weights(tmp_path / "started" / f"{stem}.h5", tmp_path / "fresh" / f"{stem}.h5")
    stages = [
        json.loads((tmp_path / folder / f"{stem}.json").read_text())["privacy"]["stages"]
        for folder in ("started", "fresh")
    ]
    assert [stage["name"] for stage in stages[0]] == ["autoencoder"]
    assert stages[0] == stages[1]
