"""Attacks on models of any number of classes, of few images, and of other sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from glyphs import NAMES, draw_split
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.attack.answer_features import most_frequent
from mnist_etc.attack.class_prior import ClassPrior
from mnist_etc.attack.closed_form_posterior import linear_posterior
from mnist_etc.attack.hill_climbing import climb
from mnist_etc.attack.mean_by_answer import mean_by_answer
from mnist_etc.attack.metrics import image_metrics
from mnist_etc.attack.mixture_regression import regress
from mnist_etc.attack.policy_search import CANDIDATES
from mnist_etc.attack.report import COLUMNS, write_report
from mnist_etc.attack.results import Result
from mnist_etc.attack.sides import halves, leading, stands_by_class
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.data.dataset import Split
from mnist_etc.errors import ConfigError
from mnist_etc.export.config import ExportCommand
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.specification import parse_policy

GENERATOR = np.random.default_rng(0)
WIDTH = 8


def clusters(classes: int, each: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Codes around a center for each class, in no order."""
    labels = GENERATOR.permutation(np.repeat(np.arange(classes), each))
    centers = GENERATOR.normal(0, 5, (classes, WIDTH))
    return (centers[labels] + GENERATOR.normal(0, 1, (len(labels), WIDTH))).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3, 47])
def test_a_linear_head_of_any_number_of_classes_is_inverted(classes: int) -> None:
    """Also where there are more logits than numbers of a code, whose covariance has no inverse but for its noise."""
    codes, _ = clusters(classes, 40)
    kernel = GENERATOR.normal(0, 1, (WIDTH, classes)).astype(np.float32)
    bias = GENERATOR.normal(0, 1, classes).astype(np.float32)
    logits = codes @ kernel + bias
    prior = ClassPrior(codes, logits, logits.argmax(axis=1), components=4, seed=0)
    assert len(prior) == classes
    found = linear_posterior(prior, kernel, bias, logits[:30], restarts=3)
    climbed = climb(
        lambda asked: asked @ kernel + bias,
        prior,
        logits[:30],
        logits[:30].argmax(axis=1),
        queries=320,
        restarts=3,
        iterations=1,
        seed=0,
    )
    spread = np.square(codes - codes.mean(axis=0)).mean()
    for posterior in (found, climbed):
        mean = (posterior.codes * posterior.weights[..., None]).sum(axis=1)
        assert np.isfinite(mean).all()
        error = np.square(mean - codes[:30]).mean()
        assert error < (1e-3 if classes > WIDTH else 0.8) * spread


def test_a_class_of_few_images_has_the_spread_of_the_others() -> None:
    """Of one or two images the own covariance would be next to none, and no other image likely."""
    codes, labels = clusters(5, 200)
    kept = (labels != 4) | (np.cumsum(labels == 4) <= 2)
    prior = ClassPrior(codes[kept], np.eye(5, dtype=np.float32)[labels[kept]], labels[kept], components=3, seed=0)
    few, many = prior[4].codes, prior[0].codes
    assert len(few.means) == 1
    np.testing.assert_allclose(few.means[0], codes[kept][labels[kept] == 4].mean(axis=0), rtol=1e-5)
    assert np.trace(few.covariances[0]) == pytest.approx(WIDTH, rel=0.2)
    unseen = codes[(labels == 4) & ~kept]
    assert few.log_density(unseen).max(axis=1).mean() > -4 * WIDTH
    assert np.isfinite(many.log_density(unseen)).all()


def test_a_class_that_no_answer_names_is_like_all() -> None:
    codes, labels = clusters(4, 30)
    prior = ClassPrior(codes, np.eye(6, dtype=np.float32)[labels], labels, components=3, seed=0)
    assert prior[4] is prior[5], "made once"
    whole = np.average(prior[5].codes.means, axis=0, weights=np.exp(prior[5].log_weights))
    np.testing.assert_allclose(whole, codes.mean(axis=0), rtol=1e-4, atol=1e-4)
    assert len(list(prior)) == len(prior[:]) == 6
    with pytest.raises(IndexError):
        prior[6]


def test_an_answer_that_nobody_got_is_the_mean_image() -> None:
    images = draw_split(2).images.astype(np.float32) / 255
    answers = np.eye(47, dtype=np.float32)[np.repeat(np.arange(47), 2)]
    seen = answers[np.arange(len(answers)) // 2 != 46]
    rebuilt = mean_by_answer(seen, images[: len(seen)], answers[-4:])
    np.testing.assert_allclose(rebuilt[:2], images[[90, 90]] / 2 + images[[91, 91]] / 2, atol=1e-6)
    np.testing.assert_allclose(rebuilt[2:], [images[: len(seen)].mean(axis=0)] * 2, atol=1e-5)
    rebuilt = regress(
        seen, seen.argmax(1), images[:92].reshape(92, -1), answers, answers.argmax(1), components=3, seed=0
    )
    assert np.isfinite(rebuilt).all()


def test_the_most_frequent_answer() -> None:
    answers = GENERATOR.integers(0, 2, (200, 7, 3)).astype(np.float32)
    for row, found in zip(answers, most_frequent(answers), strict=True):
        counts = [sum(np.array_equal(one, other) for other in row) for one in row]
        assert np.array_equal(found, row[int(np.argmax(counts))])


@pytest.mark.parametrize("side", [8, 12, 32, 64])
def test_metrics_of_other_sides(side: int) -> None:
    images = draw_split(1, NAMES[:20], side=side).images.astype(np.float32) / 255
    same = image_metrics(images, images, lambda shown: np.zeros(len(shown), np.int64))
    other = image_metrics(images, images[::-1].copy(), lambda shown: np.arange(len(shown)))
    assert (same.mse.mean, same.ssim.mean) == (0, pytest.approx(1))
    assert other.mse.mean > 0
    assert other.ssim.mean < 0.95


@pytest.mark.parametrize("side", [8, 12, 32])
def test_networks_of_other_sides(side: int) -> None:
    from mnist_etc.attack.evaluator import Evaluator
    from mnist_etc.attack.inverse_network import invert

    split = draw_split(3, side=side)
    images, answers = split.images.astype(np.float32) / 255, np.eye(47, dtype=np.float32)[split.labels]
    keys = ["attack.epochs=2", "attack.units=16", "attack.blocks=1"]
    config = compose("export", ExportCommand, ["policy=label", *keys]).attack
    rebuilt = invert(config, answers, images, answers[:5], 0)
    assert rebuilt.shape == (5, side, side)
    classes = Evaluator(split, 0)(images)
    assert classes.shape == (141,)
    assert classes.max() < 47


def test_parts_of_a_split_keep_the_names() -> None:
    split = draw_split(2)
    for part in (*halves(split), leading(split, 7), leading(split, None)):
        assert part.names == NAMES
    assert (len(leading(split, 7)), len(leading(split, None)), len(leading(split, 1000))) == (7, 94, 94)
    owned = Split(split.images, split.labels, np.arange(94), NAMES)
    assert np.array_equal(np.concatenate([part.labels for part in halves(owned)]), split.labels)


@pytest.mark.parametrize("count", [1, 3, 20, 200, 399])
def test_targets_are_of_all_classes_where_images_stand_class_by_class(count: int) -> None:
    images = np.arange(400).astype(np.uint16).view(np.uint8).reshape(400, 1, 2)
    ordered = Split(images, np.repeat(np.arange(10), 40))
    taken = leading(ordered, count)
    assert len(taken) == count
    assert len(np.unique(taken.labels)) == min(count, 10)
    assert np.array_equal(taken.images, leading(ordered, count).images)
    both = halves(ordered)
    assert [np.bincount(half.labels).tolist() for half in both] == [[20] * 10] * 2
    assert len(np.unique(np.concatenate([half.images for half in both]), axis=0)) == 400
    drawn = ordered.some(np.random.default_rng(0).permutation(400))
    assert np.array_equal(leading(drawn, count).images, drawn.images[:count]), "in no order the first ones do"
    assert np.array_equal(halves(drawn)[0].images, drawn.images[:200])


def test_a_class_that_comes_last_is_among_many_targets() -> None:
    labels = np.repeat([0, 1, 2], [3000, 3000, 400])
    split = Split(np.zeros((6400, 8, 8), np.uint8), labels, names=("a", "b", "c"))
    assert np.unique(leading(split, 6000).labels).tolist() == [0, 1, 2]


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_of_mnist_the_first_images_are_taken(name: str) -> None:
    dataset = load(compose("export", ExportCommand, [f"data={name}"]).data)
    for split in (dataset.test, dataset.validation, dataset.train):
        for count in (*range(1, 60), 100, 500, 1000, 5000, len(split) // 2):
            assert not stands_by_class(split.labels, count), count
    assert np.array_equal(leading(dataset.test, 1000).images, dataset.test.images[:1000])


@pytest.mark.parametrize("count", [2, 10, COLUMNS, COLUMNS + 1, 47, 64])
def test_the_sheet_shows_all_columns_in_rows(tmp_path: Path, count: int) -> None:
    """As many rows as it takes; the last images are on it as well as the first."""
    images = np.zeros((count, 28, 28), np.float32)
    images[-1] = 1
    row = dict.fromkeys(Result.__dataclass_fields__, 0.0) | {
        "model": "m",
        "policy": "label",
        "attack": "a",
        "targets": 1,
    }
    write_report(tmp_path, [Result(**row | {"answers": 1})], [("dark", images), ("light", 1 - images)], [])
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    rows = -(-count // COLUMNS)
    columns = -(-count // rows)
    assert pixels.shape == pytest.approx((150 * 0.45 * rows * 2, 150 * (3.6 + 0.45 * columns)), abs=2)
    square = pixels.shape[0] / rows / 2
    middles = [
        (int((line + 0.5) * square), int(pixels.shape[1] - (columns - place - 0.5) * square))
        for line in range(2 * rows)
        for place in range(columns)
    ]
    seen = np.array([pixels[middle] for middle in middles]).reshape(2, rows * columns)
    expected = (images[:, 14, 14] * 255, 255 - images[:, 14, 14] * 255)
    assert np.abs(seen[:, :count] - expected).max() < 30
    assert (seen[:, count:] == 255).all()


@pytest.mark.parametrize("classes", [2, 3, 47])
def test_the_search_has_candidates_for_any_number_of_classes(classes: int) -> None:
    logits = GENERATOR.normal(0, 3, (400, classes)).astype(np.float32)
    fitted, refused = [], []
    for text in CANDIDATES:
        try:
            fitted.append(fit_policy(parse_policy(text), logits, logits.argmax(axis=1)))
        except ConfigError:
            refused.append(text)
    assert {"logits", "label", "noisy", "levels"} <= {one.config.name for one in fitted}
    assert ("top_k:3" in refused) == (classes < 4)
    assert ("rounded:1" in refused) == (classes > 19)
