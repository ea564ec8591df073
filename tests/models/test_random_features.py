"""Random functions of the code: what a linear head makes of them, and that a published model is read back whole."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.models.classifier import build_classifier, build_full_model
from mnist_etc.models.full_model import read_full_model
from mnist_etc.models.h5 import write_h5
from mnist_etc.models.random_features import after_random_features, fit_random_features
from mnist_etc.models.registry import AUTOENCODERS


def codes(count: int = 2000, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(count, 4)) * np.geomspace(0.1, 10, 4) + 3).astype(np.float32)


@pytest.mark.parametrize("units", [2, 64])
def test_each_code_has_functions_of_norm_1_whoever_stands_beside_it(units: int) -> None:
    network = fit_random_features(codes(), units, 0)
    together = network(codes(50, 1)).numpy()
    assert together.shape == (50, units)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(network(codes(50, 1)[:1]).numpy(), together[:1], atol=1e-5)


def test_a_plane_in_them_parts_what_none_in_the_code_does() -> None:
    """The parity of two coordinates' signs, one a hundred times as large as the other."""

    def error(network: keras.Model | None) -> float:
        train, held = codes(), codes(1000, 1)
        parity = [np.sign((values[:, 0] - 3) * (values[:, 3] - 3)) for values in (train, held)]
        rows = [np.c_[values if network is None else network(values), np.ones(len(values))] for values in (train, held)]
        plane = np.linalg.lstsq(rows[0], parity[0], rcond=1e-6)[0]
        return float(np.mean(np.sign(rows[1] @ plane) != parity[1]))

    assert error(None) > 0.4
    assert error(fit_random_features(codes(), 200, 0)) < 0.15


def test_no_direction_of_them_drowns_the_others() -> None:
    """Half a whitening: variances as uneven as deviations were."""
    network = fit_random_features(codes(), 64, 0)
    variances = np.linalg.eigvalsh(np.cov(network.layers[0](codes()).numpy().T))[-32:]
    evened = np.linalg.eigvalsh(np.cov(network.layers[1](network.layers[0](codes())).numpy().T))[-32:]
    np.testing.assert_allclose(evened / evened[-1], np.sqrt(variances / variances[-1]), rtol=1e-2)


def test_one_seed_gives_the_same_and_another_others() -> None:
    first, again, other = (fit_random_features(codes(), 8, seed)(codes(5)).numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_codes_that_do_not_vary_give_finite_functions() -> None:
    network = fit_random_features(np.ones((50, 4), np.float32), 8, 0)
    assert np.isfinite(network(codes(5)).numpy()).all()


def test_a_published_full_model_is_read_back(tmp_path: Path) -> None:
    command = compose("train", TrainCommand, ["classifier.random_features=12", "classifier.hidden_units=[5]"])
    encoder = AUTOENCODERS["convolutional"].network(command.autoencoder, 1).get_layer("encoder")
    images = np.random.default_rng(0).random((20, 28, 28, 1), dtype=np.float32)
    before = fit_random_features(encoder(images).numpy(), 12, 0)
    full = build_full_model(encoder, after_random_features(before, build_classifier(command.classifier, 12, 2)))
    write_h5(full, tmp_path / "full.h5")
    again = read_full_model(command.autoencoder, command.classifier, tmp_path / "full.h5")
    np.testing.assert_array_equal(again(images), full(images))


@pytest.mark.parametrize("key", ["fine_tune", "augment"])
def test_features_that_change_have_none(key: str) -> None:
    with pytest.raises(ConfigError, match=f"random_features=0 with {key}=true; received 12"):
        compose("train", TrainCommand, ["classifier.random_features=12", f"classifier.{key}=true"])
