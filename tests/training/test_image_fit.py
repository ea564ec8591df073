"""The classifier fitted to images: end to end, or on varied images before a frozen encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support import SCHEMAS, weights

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose
from mnist_etc.data import load, load_test, scaled
from mnist_etc.errors import ConfigError
from mnist_etc.tracking.tracker import Tracker

KEYS = ["data=digits", "data.validation=700", "tracking_uri=null", "autoencoder.epochs=1", "autoencoder.batch_size=64"]
KEYS += ["classifier.epochs=1", "classifier.hidden_units=[16]"]
BEFORE = {"features", "epochs", "private", "hidden_units", "batch_size", "optimizer", "learning_rate", "warmup"}
"""What manifests stated of a classifier when there was neither key."""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ArtifactFolder]:
    """Trains a classifier with the keys given, on one autoencoder for all of them."""
    from mnist_etc.training.autoencoder import AutoencoderTraining
    from mnist_etc.training.classifier import ClassifierTraining
    from mnist_etc.training.recipe import run_training

    folder, quiet = tmp_path_factory.mktemp("fitted"), Tracker()

    def train(*keys: str) -> ArtifactFolder:
        command = compose("train", TrainCommand, [*KEYS, f"artifacts={folder}", *keys])
        dataset = load(command.data)
        run_training(AutoencoderTraining(command, command.autoencoder, dataset), command, dataset, quiet)
        command.force = True
        classifier = ClassifierTraining(command, command.autoencoder, command.classifier, dataset)
        run_training(classifier, command, dataset, quiet)
        return ArtifactFolder.of(command)

    return train


def part(path: Path, name: str) -> list[NDArray[np.float32]]:
    """Weights of one part of a model, in the order of their names."""
    return [array for place, array in sorted(weights(path).items()) if f"/{name}/" in place]


def same(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("keys", [["fine_tune=true"], ["augment=true"], ["fine_tune=true", "augment=true"]])
def test_the_encoder_is_trained_on_where_asked_and_only_there(
    fitted: Callable[..., ArtifactFolder], keys: list[str]
) -> None:
    import onnxruntime

    folder = fitted(*(f"classifier.{key}" for key in keys)).path
    of_autoencoder, full = folder / "ae_h32_e1_weights.h5", folder / "full_model_h32_ee1_ce1.h5"
    assert same(part(full, "encoder"), part(of_autoencoder, "encoder")) == ("fine_tune=true" not in keys)
    head = folder / "clsf_h32_ee1_e1_fc_weights.h5"
    assert same(part(full, "classifier"), part(head, "classifier"))
    images = scaled(load_test(compose("train", TrainCommand, KEYS).data).images)
    answers = onnxruntime.InferenceSession(full.with_suffix(".onnx")).run(None, {"input": images})[0]
    stated = json.loads(full.with_suffix(".json").read_bytes())
    labels = load_test(compose("train", TrainCommand, KEYS).data).labels
    assert np.mean(answers.argmax(axis=1) == labels) == pytest.approx(stated["metrics"]["test_accuracy"])
    assert stated["configuration"]["classifier"].keys() - BEFORE == {
        {"fine_tune=true": "fine_tune", "augment=true": "augmentation"}[key] for key in keys
    }


def test_a_model_trained_before_there_was_either_key_is_still_the_one_asked_for() -> None:
    varied = ["classifier.augmentation.rotation=40"]
    for keys in ([], varied):
        command = compose("train", TrainCommand, [*KEYS, *keys])
        settings = fingerprint(command, command.autoencoder, command.classifier)
        assert settings["classifier"].keys() == BEFORE
    command = compose("train", TrainCommand, [*KEYS, "classifier.augment=true", *varied])
    settings = fingerprint(command, command.autoencoder, command.classifier)
    assert settings["classifier"]["augmentation"] == {
        "shift": 1.5,
        "scale": 0.12,
        "rotation": 40,
        "shear": 0.2,
        "stroke": 0.6,
    }


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        ("train", ["classifier.fine_tune=true", "classifier.private=true"], "fine_tune=false of a private classifier"),
        ("classifier", ["augment=true", "private=true"], "augment=false of a private classifier"),
        ("train", ["classifier.fine_tune=true", "features=scattering"], "features=code with fine_tune=true"),
        ("infer", ["classifier.augment=true", "features=scattering"], "features=code with augment=true"),
        (
            "train",
            ["classifier.fine_tune=true", "autoencoder.private=true"],
            "autoencoder.private=false with fine_tune",
        ),
        (
            "infer",
            ["classifier.fine_tune=true", "autoencoder.private=true"],
            "autoencoder.private=false with fine_tune",
        ),
        ("classifier", ["fine_tune=true", "autoencoder.private=true"], "autoencoder.private=false with fine_tune"),
        ("reconstruct", ["classifier.fine_tune=true"], "classifier.fine_tune=false"),
        ("train", ["classifier.augmentation.rotation=181"], "classifier.augmentation.rotation between 0 and 180"),
        ("train", ["classifier.augmentation.scale=-0.1"], "classifier.augmentation.scale between 0 and 0.9"),
        ("classifier", ["augmentation.stroke=nan"], "augmentation.stroke between 0 and 3"),
    ],
)
def test_what_cannot_be_is_refused_at_once(command: str, words: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        compose(command, SCHEMAS[command], words)
    assert told in str(error.value)
    assert "received" in str(error.value)
