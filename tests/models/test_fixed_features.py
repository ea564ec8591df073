"""The features of ``features=scattering``: of one image alone, even, and no work of any dataset."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_etc.models.fixed_features import WIDTH, build_fixed_features
from mnist_etc.models.patches import PATTERNS
from mnist_etc.models.scattering import CHANNELS


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_fixed_features()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    from sklearn.datasets import load_digits

    digits = np.kron(load_digits().images[:64] / 16, np.ones((3, 3)))
    return np.pad(digits, ((0, 0), (2, 2), (2, 2)))[..., np.newaxis].astype(np.float32)


def test_each_image_has_features_of_norm_1_whoever_stands_beside_it(network: keras.Model, images: np.ndarray) -> None:
    together = network(images).numpy()
    assert together.shape == (64, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(network(images[:1]).numpy(), together[:1], atol=1e-5)
    np.testing.assert_allclose(
        network(np.concatenate([images[:1], 0 * images[:5]])).numpy()[:1], together[:1], atol=1e-5
    )


@pytest.mark.parametrize(("half", "numbers"), [("scattering", 49 * CHANNELS), ("patches", 16 * PATTERNS)])
def test_it_keeps_what_digits_vary_in(network: keras.Model, images: np.ndarray, half: str, numbers: int) -> None:
    """The components were found on drawn images; nearly all that varies in a digit lies in their span."""
    evened = [layer for layer in network.layers if isinstance(layer, keras.Sequential)]
    seen, projection = next(layer.layers[:2] for layer in evened if layer.layers[0].name == half)
    assert seen.output_shape == (None, numbers)
    kernel, bias = projection.get_weights()
    values = seen(images).numpy()
    center = np.linalg.lstsq(kernel.T, -bias, rcond=None)[0]
    directions, _ = np.linalg.qr(kernel)
    kept = np.square((values - center) @ directions).sum() / np.square(values - center).sum()
    assert kept > 0.9


def test_blank_images_have_finite_features(network: keras.Model) -> None:
    for value in (0.0, 1.0):
        assert np.isfinite(network(np.full((1, 28, 28, 1), value, np.float32)).numpy()).all()
