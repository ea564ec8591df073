"""Users' pictures: the figure is found whatever it is drawn on, and what has MNIST's form is left as it is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import papers
import pytest
from numpy.typing import NDArray
from PIL import Image
from samples import data_config
from scipy import ndimage

from mnist_etc.data import images, load_test
from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.prepare import prepare
from mnist_etc.predictor import Predictor
from mnist_etc.pretrained import verify

pytestmark = pytest.mark.filterwarnings("error")
Picture = NDArray[np.uint8]
PHOTOS = Path(os.environ.get("MNIST_ETC_DATA", "")) / "photos"
SHAPE = np.zeros((28, 28), np.uint8)
"""A seven in MNIST's form."""
SHAPE[4:7, 8:20] = 255
SHAPE[7:24, 14:17] = 255
SHAPE = np.roll(SHAPE, [14 - round(place) for place in ndimage.center_of_mass(SHAPE)], axis=(0, 1))


def main_figure(picture: Picture, how: Prepare = Prepare.mnist, polarity: Polarity = Polarity.auto) -> Picture:
    prepared = prepare(picture, how, polarity)
    return prepared.images[prepared.main]


def likeness(one: Picture, other: Picture) -> float:
    """Correlation, a little blurred, so that a shift of less than a pixel does not matter."""
    first, second = (ndimage.gaussian_filter(image.astype(float), 1).ravel() for image in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("kind", papers.KINDS)
def test_the_figure_is_found_on_any_paper(kind: str) -> None:
    for seed in range(6):
        picture = papers.KINDS[kind](SHAPE, np.random.default_rng(seed))
        prepared = prepare(picture, Prepare.mnist)
        assert len(prepared.images) == 1, seed
        assert likeness(prepared.images[0], SHAPE) > 0.85, seed


def test_the_form_is_that_of_mnist() -> None:
    seen = main_figure(papers.off_center(SHAPE, np.random.default_rng(0)))
    rows, columns = (np.flatnonzero(seen.max(axis=axis) > 64) for axis in (1, 0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    assert np.abs(np.array(ndimage.center_of_mass(seen)) - 14).max() <= 0.6
    assert seen.max() == 255
    assert seen.min() == 0


@pytest.mark.parametrize("width", [2, 12, 36])
def test_strokes_of_any_width_come_out_alike(width: int) -> None:
    sheet = np.full((400, 300), 240, np.uint8)
    half = width // 2
    sheet[80 - half : 80 + half, 90:200] = 30
    sheet[80:330, 180 - half : 180 + half] = 30
    seen = main_figure(sheet)
    across = (seen[18] > 127).sum()
    assert 2 <= across <= 4, across


def test_what_has_the_form_already_is_left_to_the_bit() -> None:
    assert np.array_equal(main_figure(SHAPE, Prepare.auto), SHAPE)
    assert np.array_equal(main_figure(255 - SHAPE, Prepare.auto), SHAPE)
    assert not np.array_equal(main_figure(np.roll(SHAPE, 4, axis=1), Prepare.auto), np.roll(SHAPE, 4, axis=1))


def test_none_scales_the_whole_picture() -> None:
    picture = np.repeat(np.repeat(np.roll(SHAPE, 4, axis=1), 5, axis=0), 5, axis=1)
    assert np.array_equal(main_figure(picture, Prepare.none), images.normalize(picture[None], Polarity.auto)[0])


def test_a_given_polarity_wins() -> None:
    ring = np.full((100, 100), 255, np.uint8)
    ring[20:80, 30:70] = 0
    ring[40:60, 45:55] = 255
    assert likeness(main_figure(ring), main_figure(ring, polarity=Polarity.dark_on_light)) > 0.99
    inner = prepare(ring, Prepare.mnist, Polarity.light_on_dark)
    assert not len(inner.images) or likeness(inner.images[inner.main], main_figure(ring)) < 0.5


@pytest.mark.parametrize(
    "sheet",
    [
        np.full((300, 400), 255, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.random.default_rng(0).normal(200, 10, (400, 300)).clip(0, 255).astype(np.uint8),
        np.tile(np.linspace(50, 250, 500).astype(np.uint8), (300, 1)),
        np.full((1, 1), 7, np.uint8),
        np.full((1, 900), 7, np.uint8),
    ],
    ids=["white", "black", "grain", "shade", "pixel", "line"],
)
def test_nothing_is_found_on_an_empty_sheet(sheet: Picture) -> None:
    assert len(prepare(sheet, Prepare.mnist).images) == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_picture_of_any_shape_ends_in_an_error(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(12):
        shape = generator.integers(1, 90, 2)
        noise = generator.integers(0, 256, shape, np.uint8)
        for picture in (noise, np.where(noise > 128, 255, 0).astype(np.uint8), np.where(noise > 250, 0, 200)):
            seen = prepare(picture.astype(np.uint8), Prepare.auto)
            assert seen.images.shape[1:] == (28, 28)
            assert seen.images.dtype == np.uint8


def row_of(figures: list[Picture], gap: int = 6) -> Picture:
    """Side by side, dark on light, three times as large."""
    columns = [np.pad(figure[:, figure.any(axis=0)], ((8, 8), (gap, gap))) for figure in figures]
    line = np.hstack(columns)
    return (230 - (line.repeat(3, 0).repeat(3, 1) * 0.7)).astype(np.uint8)


def test_figures_side_by_side_come_from_left_to_right() -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 13:16] = 255
    prepared = prepare(row_of([SHAPE, bar, SHAPE, SHAPE]), Prepare.mnist)
    assert len(prepared.images) == len(prepared.mismatch) == 4
    assert [likeness(figure, SHAPE) > 0.85 for figure in prepared.images] == [True, False, True, True]


def test_parts_of_one_figure_stay_together_and_dirt_goes() -> None:
    five = np.full((200, 200), 235, np.uint8)
    five[50:60, 80:130] = 20
    five[66:150, 80:90] = 20  # a gap below the upper stroke
    five[150:160, 80:130] = 20
    clean = prepare(five, Prepare.mnist)
    assert len(clean.images) == 1
    dirty = five.copy()
    dirty[10:14, 180:183] = 60
    assert len(prepare(dirty, Prepare.mnist).images) == 1
    assert likeness(prepare(dirty, Prepare.mnist).images[0], clean.images[0]) > 0.99


def test_a_picture_with_grays_of_its_own_does_not_match_a_pen() -> None:
    rows, columns = np.mgrid[-1:1:200j, -1:1:200j]
    ball = np.where(rows**2 + columns**2 < 0.5, 60 + 150 * np.abs(columns) ** 0.5, 255).astype(np.uint8)
    written = prepare(papers.noisy(SHAPE, np.random.default_rng(0)), Prepare.mnist)
    assert max(written.mismatch) < 0.4
    photographed = prepare(ball, Prepare.mnist)
    assert not len(photographed.images) or min(photographed.mismatch) > 0.4


def test_embedded_digits_come_back_to_the_bit_by_their_own_preparation() -> None:
    digits = load_test(data_config("digits", "digits")).images
    assert all(np.array_equal(main_figure(digit, Prepare.none), digit) for digit in digits)


@pytest.mark.mnist
def test_mnists_own_images_are_left_to_the_bit() -> None:
    test = load_test(data_config("mnist", "idx", os.environ["MNIST_ETC_DATA"], 5000)).images
    changed = [
        number for number, image in enumerate(test) if not np.array_equal(main_figure(image, Prepare.auto), image)
    ]
    assert changed == []


@pytest.mark.mnist
@pytest.mark.parametrize("kind", papers.KINDS)
def test_each_kind_of_paper_costs_little(kind: str) -> None:
    """95 % of what the plain digits reach; measured on 2,000 of them by ``benchmarks/handwriting.py``."""
    test = load_test(data_config("mnist", "idx", os.environ["MNIST_ETC_DATA"], 5000))
    chosen = np.random.default_rng(0).permutation(len(test))[:60]
    seen = np.zeros((len(chosen), 28, 28), np.uint8)
    for row, number in enumerate(chosen):
        prepared = prepare(papers.KINDS[kind](test.images[number], np.random.default_rng([1, number])), Prepare.auto)
        if len(prepared.images):
            seen[row] = prepared.images[prepared.main]
    model = Predictor(verify()[0])
    plain = (model.logits(test.images[chosen]).argmax(axis=1) == test.labels[chosen]).mean()
    assert (model.logits(seen).argmax(axis=1) == test.labels[chosen]).mean() >= 0.95 * plain


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="Expected photos of digits in $MNIST_ETC_DATA/photos; received none")
def test_other_peoples_handwriting() -> None:
    found = images.find(PHOTOS)
    seen = np.stack([main_figure(images.read(path, Polarity.auto), Prepare.auto) for path in found])
    predicted = Predictor(verify()[0]).logits(seen).argmax(axis=1)
    assert np.mean(predicted == [int(path.parent.name) for path in found]) >= 0.97


def test_a_large_photo_is_quick_enough_to_wait_for(tmp_path: Path) -> None:
    """Twelve megapixels: the figure is looked for in an overview, and outlined from a piece."""
    photo = Image.fromarray(papers.off_center(SHAPE, np.random.default_rng(3))).resize((4000, 3000))
    photo.save(tmp_path / "photo.jpg")
    picture = images.read(tmp_path / "photo.jpg", Polarity.auto)
    assert picture.shape == (3000, 4000)
    assert len(prepare(picture, Prepare.auto).images) == 1
