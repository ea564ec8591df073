"""Images drawn by chance: the same each time, light on dark, no two alike."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.data.surrogates import draw_surrogates


def test_they_are_images_and_the_same_each_time() -> None:
    images = draw_surrogates(50)
    assert images.shape == (100, 28, 28)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, draw_surrogates(50))
    assert not np.array_equal(images, draw_surrogates(50, seed=1))
    assert len(np.unique(images.reshape(100, -1), axis=0)) == 100


def test_light_on_dark_strokes_then_grays() -> None:
    strokes, shapes = np.split(draw_surrogates(200), 2)
    border = np.concatenate([strokes[:, 0], strokes[:, -1], shapes[:, 0], shapes[:, -1]])
    assert (border == 0).mean() > 0.9
    assert (strokes == 255).mean() > 0.03
    assert np.isin(strokes, (0, 255)).mean() > 0.9
    assert ((shapes > 0) & (shapes < 255)).mean() > 0.05


@pytest.mark.parametrize("side", [8, 32, 64])
def test_strokes_are_the_same_at_any_side(side: int) -> None:
    images = draw_surrogates(50, side=side)
    assert images.shape == (100, side, side)
    inked = [(one[:50] > 127).mean(axis=(1, 2)) for one in (images, draw_surrogates(50))]
    assert np.corrcoef(*inked)[0, 1] > 0.8
    assert ((images[50:] > 0) & (images[50:] < 255)).mean() > 0.05
