"""Patches: each response is what its definition says, of one image alone, and the patterns follow from the drawings."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.models.patches import CELLS, CONTRAST, PATTERNS, SIZE, build_patches, patterns


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return scale_pixels(draw_surrogates(50))


@pytest.fixture(scope="module")
def network(drawn: np.ndarray) -> keras.Model:
    return fitted(drawn)


def fitted(drawn: np.ndarray, seed: int = 0) -> keras.Model:
    network = build_patches(drawn.shape[1])
    network.set_weights(patterns(drawn, seed))
    return network


def test_a_response_is_what_its_definition_says(network: keras.Model, drawn: np.ndarray) -> None:
    """Patch by patch, in float64: mean off, through the deviation, against each pattern, averaged, root."""
    kernel, bias = (weight.astype(np.float64) for weight in network.layers[0].get_weights())
    image, places = drawn[7, ..., 0].astype(np.float64), 28 - SIZE + 1
    cells = np.zeros((CELLS, CELLS, PATTERNS))
    for row in range(places):
        for column in range(places):
            patch = image[row : row + SIZE, column : column + SIZE]
            even = (patch - patch.mean()) / np.sqrt(patch.var() + CONTRAST)
            response = np.maximum(np.einsum("ij,ijk->k", even, kernel[:, :, 0]) + bias, 0)
            cells[row // 6, column // 6] += response / 36
    np.testing.assert_allclose(network(drawn[7:8]).numpy().reshape(cells.shape), np.sqrt(cells), atol=2e-3)


def test_the_same_drawings_give_the_same_patterns_and_other_ones_others(
    network: keras.Model, drawn: np.ndarray
) -> None:
    again, other = fitted(drawn), fitted(drawn, seed=1)
    np.testing.assert_array_equal(network(drawn).numpy(), again(drawn).numpy())
    assert np.abs(network(drawn).numpy() - other(drawn).numpy()).mean() > 0.01


def test_brightness_alone_says_nothing(network: keras.Model) -> None:
    """A patch of one gray is its mean, which is taken off."""
    dark, light = (network(np.full((1, 28, 28, 1), value, np.float32)).numpy() for value in (0.0, 1.0))
    np.testing.assert_allclose(dark, light, atol=2e-3)


@pytest.mark.parametrize("side", [8, 32, 64])
def test_any_side_is_looked_at_in_as_many_cells(side: int) -> None:
    drawn = scale_pixels(draw_surrogates(50, side=side))
    assert fitted(drawn)(drawn[:2]).shape == (2, CELLS**2 * PATTERNS)
