"""Each corruption: of any side, from a seed, and what it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnist_etc.data import digits
from mnist_etc.evaluation import corruptions
from mnist_etc.evaluation.corruptions import CORRUPTIONS, corrupted

IMAGES = digits.read("test").images[:12]
PAPER = """shot_noise impulse_noise glass_blur motion_blur shear scale rotate brightness translate stripe fog spatter
dotted_line zigzag canny_edges"""


def of(name: str, images: np.ndarray = IMAGES, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(corrupted(name, images, seed)))


def moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center ``(n, 2)`` and spread ``(n,)`` of the light of each image, in pixels."""
    weights = images / images.sum(axis=(1, 2), keepdims=True)
    places = np.arange(images.shape[1])
    center = np.stack([(weights.sum(axis=axis) * places).sum(axis=1) for axis in (2, 1)], axis=1)
    squares = (weights.sum(axis=2) * places**2).sum(axis=1) + (weights.sum(axis=1) * places**2).sum(axis=1)
    return center, np.sqrt(squares - (center**2).sum(axis=1))


def test_they_are_those_of_the_paper() -> None:
    assert list(CORRUPTIONS) == PAPER.split()


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("side", [8, 28, 64])
def test_bytes_of_the_same_shape_from_a_seed(name: str, side: int) -> None:
    images = np.stack([np.asarray(Image.fromarray(one).resize((side, side))) for one in IMAGES])
    before = images.copy()
    first = of(name, images)
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before), "what is given stays"
    assert np.array_equal(first, of(name, images))
    drawn = name not in ("scale", "brightness", "stripe", "canny_edges")
    assert np.array_equal(first, of(name, images, seed=1)) != drawn
    assert not np.array_equal(first, images)


@pytest.mark.parametrize("name", sorted({*CORRUPTIONS} - {"shot_noise", "impulse_noise"}))
def test_no_image_reaches_into_another(name: str) -> None:
    """The noise of an image depends on its place, its pixels on no other image's."""
    others = IMAGES.copy()
    others[[0, 2]] = 255 - others[[0, 2]]
    assert np.array_equal(of(name, others)[1], of(name)[1])


def test_chunks_change_nothing_but_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of("canny_edges")
    monkeypatch.setattr(corruptions, "CHUNK", 5)
    assert np.array_equal(of("canny_edges"), whole)
    assert [len(part) for part in corrupted("fog", IMAGES)] == [5, 5, 2]


def test_sizes_are_those_of_the_paper() -> None:
    """On an image of 28 pixels: 0.7 of the size, 3 pixels along a diagonal, half of white, quarters of 7 columns."""
    np.testing.assert_allclose(moments(of("scale"))[1] / moments(IMAGES)[1], 0.7, atol=0.04)
    dots = np.zeros((12, 28, 28), np.uint8)
    dots[:, 12:16, 12:16] = 255
    moved = moments(of("translate", dots))[0] - 13.5
    np.testing.assert_allclose(np.abs(moved), 3, atol=0.01)
    assert len(np.unique(np.sign(moved), axis=0)) == 4
    assert np.array_equal(of("brightness").min(axis=(1, 2)), np.full(len(IMAGES), 128))
    assert np.array_equal((of("stripe") != IMAGES).any(axis=(0, 1)).nonzero()[0], [*range(7), *range(21, 28)])
    noisy = of("impulse_noise", np.full((200, 28, 28), 100, np.uint8))
    assert np.mean(noisy == 0) == pytest.approx(0.085, abs=0.005)
    assert np.mean(noisy == 255) == pytest.approx(0.085, abs=0.005)
    shot = of("shot_noise", np.full((200, 28, 28), 40, np.uint8)) / 255
    assert shot.var() == pytest.approx(40 / 255 / 3, rel=0.05)


def test_a_turn_is_of_04_radians_either_way() -> None:
    bar = np.zeros((40, 28, 28), np.uint8)
    bar[:, 2:26, 13:15] = 255
    rows, columns = np.mgrid[:28, :28] - 13.5
    turned = of("rotate", bar).astype(float)
    angles = np.array(
        [0.5 * np.arctan2(2 * (w * rows * columns).sum(), (w * (rows**2 - columns**2)).sum()) for w in turned]
    )
    np.testing.assert_allclose(np.abs(angles), 0.4, atol=0.02)
    assert {*np.sign(angles)} == {-1, 1}


def test_edges_are_thin_and_where_gray_changes() -> None:
    square = np.zeros((1, 28, 28), np.uint8)
    square[0, 8:20, 8:20] = 255
    edges = of("canny_edges", square)[0] > 0
    rows, columns = edges.nonzero()
    beside = np.minimum(np.abs(rows - 7.5), np.abs(rows - 19.5)) <= 1.5
    beside |= np.minimum(np.abs(columns - 7.5), np.abs(columns - 19.5)) <= 1.5
    assert beside.all()
    assert 36 <= edges.sum() <= 52
    assert not of("canny_edges", np.full((1, 28, 28), 9, np.uint8)).any()
