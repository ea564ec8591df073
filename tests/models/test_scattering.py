"""The scattering transform against Kymatio's numbers and against what it promises.

``scattering.npz`` (two of scikit-learn's digits and a chirp, with their coefficients) was made by Kymatio 0.3.0 on
NumPy 1.26.4 and SciPy 1.11.4, since later SciPy has no ``sph_harm``, with

    digits = load_digits().images[[8, 3]] * (255 / 16)
    row, column = np.mgrid[:28, :28]
    images = np.stack([*np.kron(np.pad(digits, ((0, 0), (3, 3), (3, 3))), np.ones((2, 2))),
                       127.5 + 127.5 * np.sin(row**2 / 20 + column * 1.1)]).astype(np.uint8)
    coefficients = Scattering2D(J=2, shape=(28, 28), L=8)(images.astype(np.float32) / np.float32(255))
    np.savez_compressed("scattering.npz", images=images, coefficients=coefficients.astype(np.float32))

where ``load_digits`` is scikit-learn's and ``Scattering2D`` is ``kymatio.numpy``'s.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

Images = npt.NDArray[np.float32]
REFERENCE = Path(__file__).with_name("scattering.npz")


@pytest.fixture(scope="module")
def images() -> Images:
    """(3, 28, 28, 1) in [0, 1]."""
    return np.load(REFERENCE, allow_pickle=False)["images"][..., None].astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def digits() -> Images:
    """(64, 28, 28, 1) in [0, 1]."""
    from mnist_etc.data import digits

    return digits.read("test").images[:64, :, :, None].astype(np.float32) / np.float32(255)


def coefficients(images: Images) -> Images:
    from mnist_etc.models.scattering import Scattering

    return np.asarray(Scattering()(images))


def relative(difference: Images, whole: Images) -> float:
    return float(np.abs(difference).max() / np.abs(whole).max())


def test_kymatio(images: Images) -> None:
    expected = np.load(REFERENCE, allow_pickle=False)["coefficients"]
    received = coefficients(images)
    assert received.shape == expected.shape == (3, 81, 7, 7)
    assert received.dtype == np.float32
    for first, last in ((0, 1), (1, 17), (17, 81)):
        assert relative(received[:, first:last] - expected[:, first:last], expected[:, first:last]) < 1e-5


def test_a_shift_by_the_stride_shifts_the_coefficients() -> None:
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 10:14, 9:17, 0] = np.random.default_rng(0).random((4, 8))
    still, shifted = coefficients(image), coefficients(np.roll(image, (4, -4), axis=(1, 2)))
    inner = still[:, :, 1:-2, 2:-1]
    assert relative(shifted[:, :, 2:-1, 1:-2] - inner, inner) < 0.01
    assert relative(shifted[:, :, 1:-2, 2:-1] - inner, inner) > 0.5


def test_a_small_shift_changes_less_than_in_pixels(images: Images) -> None:
    chirp = images[2:]
    shifted = np.roll(chirp, 1, axis=2)
    before = coefficients(chirp)
    moved = np.linalg.norm(coefficients(shifted) - before) / np.linalg.norm(before)
    assert moved < 0.5 * np.linalg.norm(shifted - chirp) / np.linalg.norm(chirp)


def test_nothing_is_trained() -> None:
    from mnist_etc.models.scattering import build_features

    assert build_features().weights == []


def test_group_normalisation(images: Images) -> None:
    """Each image's groups of three channels on their own; 1e-5 stands under the root beside the variance."""
    from mnist_etc.models.scattering import EPSILON, build_features

    groups = np.float64(coefficients(images)).reshape(len(images), 27, 147)
    features = np.float64(build_features()(images)) * np.sqrt(3969)
    features = features.reshape(groups.shape)
    variance = groups.var(axis=2)
    np.testing.assert_allclose(features.mean(axis=2), 0, atol=1e-5)
    np.testing.assert_allclose(features.var(axis=2), variance / (variance + EPSILON), rtol=1e-4)
    centered = groups - groups.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(features, centered / np.sqrt(variance + EPSILON)[..., None], atol=1e-3)


def test_no_image_touches_another(digits: Images) -> None:
    from mnist_etc.models.scattering import build_features

    model = build_features()
    together = np.asarray(model(digits))
    assert together.shape == (64, 3969)
    np.testing.assert_allclose(model(digits[5:6])[0], together[5], atol=1e-6)
    np.testing.assert_allclose(model(np.concatenate([digits[5:6], 1 - digits[:3]]))[0], together[5], atol=1e-6)


def test_a_blank_image_is_finite() -> None:
    from mnist_etc.models.scattering import build_features

    assert np.isfinite(build_features()(np.zeros((1, 28, 28, 1), np.float32))).all()


def test_keras_reads_the_file_back_once_the_layer_is_imported(tmp_path: Path, digits: Images) -> None:
    import keras

    from mnist_etc.models.h5 import write_h5
    from mnist_etc.models.scattering import build_features

    model, path = build_features(), tmp_path / "features.h5"
    write_h5(model, path)
    np.testing.assert_array_equal(keras.saving.load_model(path, compile=False)(digits), model(digits))


def test_onnx(tmp_path: Path, digits: Images) -> None:
    import onnxruntime

    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.scattering import build_features

    model, path = build_features(), tmp_path / "features.onnx"
    write_onnx(model, path, digits)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    received = session.run(["output"], {"input": digits})[0]
    np.testing.assert_allclose(received, model(digits), atol=1e-6)
    assert path.stat().st_size < 400_000


def test_of_another_side_the_same_figure_has_the_same_coefficients(images: Images) -> None:
    """Two digits, whose border is black: with four more black pixels around they lie one coefficient further in."""
    from mnist_etc.models.scattering import Scattering

    wide = np.pad(images[:2], ((0, 0), (4, 4), (4, 4), (0, 0)))
    received, expected = np.asarray(Scattering()(wide)), coefficients(images[:2])
    assert received.shape == (2, 81, 9, 9)
    inner = received[:, :, 1:-1, 1:-1][:, :, 1:-1, 1:-1] - expected[:, :, 1:-1, 1:-1]
    assert relative(inner, expected) < 0.02
