from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_etc.evaluation.confusion import NO_ANSWER, ConfusionMatrix, wilson
from mnist_etc.evaluation.confusion_picture import draw_confusion, write_confusion


def matrix_of(classes: int, images: int = 2000) -> tuple[ConfusionMatrix, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, images)
    predicted = np.where(generator.random(images) < 0.8, labels, generator.integers(0, classes, images))
    matrix = ConfusionMatrix([f"name {number}" for number in range(classes)])
    for part in np.array_split(np.arange(images), 7):
        matrix.add(labels[part], predicted[part])
    return matrix, labels, predicted


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_counts_recall_and_precision_are_those_of_scikit_learn(classes: int) -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

    matrix, labels, predicted = matrix_of(classes)
    assert np.array_equal(matrix.counts[:, :-1], confusion_matrix(labels, predicted))
    assert not matrix.counts[:, -1].any()
    assert np.allclose(matrix.recall, recall_score(labels, predicted, average=None))
    assert np.allclose(matrix.precision, precision_score(labels, predicted, average=None))
    accuracy = matrix.accuracy()
    assert accuracy
    assert accuracy.value == pytest.approx(accuracy_score(labels, predicted))


def test_no_answer_is_an_error_of_its_label_and_of_no_class() -> None:
    matrix = ConfusionMatrix(["a", "b", "c"])
    matrix.add(np.array([0, 0, 1, 1]), np.array([0, -1, 0, 1]))
    assert matrix.errors() == [("a", NO_ANSWER, 1), ("b", "a", 1)]
    assert matrix.recall.tolist()[:2] == [0.5, 0.5]
    assert math.isnan(matrix.recall[2])
    assert matrix.precision.tolist()[:2] == [0.5, 1.0]
    assert math.isnan(matrix.precision[2])
    assert ConfusionMatrix(["a", "b"]).accuracy() is None


def test_errors_fall_and_add_up() -> None:
    matrix, labels, predicted = matrix_of(47)
    counts = [count for _, _, count in matrix.errors()]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (labels != predicted).sum()


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (8, 10), (97, 100), (9289, 10_000)])
def test_wilsons_interval_is_that_of_scipy(hits: int, trials: int) -> None:
    from scipy.stats import binomtest

    interval = wilson(hits, trials)
    expected = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert interval.value == hits / trials
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 47, 1000])
def test_the_tables_hold_every_class(tmp_path: Path, classes: int) -> None:
    matrix, labels, predicted = matrix_of(classes)
    matrix.write(tmp_path / "m.csv", key="output")
    matrix.write_classes(tmp_path / "c.csv", key="output")
    with (tmp_path / "m.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["label", *matrix.names, NO_ANSWER]
    assert [row[0] for row in rows] == list(matrix.names)
    assert np.array_equal(np.array([row[1:] for row in rows], int), matrix.counts)
    with (tmp_path / "c.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(int(row["class"]), row["name"]) for row in table] == list(enumerate(matrix.names))
    for number, row in enumerate(table):
        images = int((labels == number).sum())
        assert int(row["images"]) == images
        assert int(row["correct"]) == ((labels == number) & (predicted == number)).sum()
        if images:
            assert float(row["low"]) <= float(row["recall"]) <= float(row["high"])
        else:
            assert (row["recall"], row["low"], row["high"]) == ("", "", "")


@pytest.mark.parametrize(("classes", "cell"), [(10, 44), (47, 22), (200, 14), (1000, 9)])
def test_the_picture_holds_every_cell(classes: int, cell: int) -> None:
    """One class is mistaken for the next alone: the dark cells are where they belong, the first and last included."""
    matrix = ConfusionMatrix([f"class_{number}" for number in range(classes)])
    numbers = np.arange(classes)
    matrix.add(numbers, (numbers + 1) % classes)
    picture = np.asarray(draw_confusion(matrix))
    right, lower = picture.shape[1] - 6, picture.shape[0] - 6
    left, top = right - classes * cell, lower - classes * cell
    assert (picture[top:lower, :left].min(axis=1).reshape(classes, cell).min(axis=1) < 128).all(), "a name each"
    corners = picture[top + 1 : lower : cell, left + 1 : right : cell]  # beside the count, which is in the middle
    assert corners.shape == (classes, classes)
    assert np.array_equal(corners < 60, np.roll(np.eye(classes, dtype=bool), 1, axis=1))


def test_a_column_of_no_answer_is_drawn_where_there_are_any() -> None:
    matrix = ConfusionMatrix([str(number) for number in range(12)])
    matrix.add(np.arange(12), np.arange(12))
    narrow = draw_confusion(matrix).width
    matrix.add(np.array([3]), np.array([-1]))
    assert draw_confusion(matrix).width == narrow + 44


def test_names_are_drawn_upright_cut_or_as_a_number_where_the_font_lacks_them() -> None:
    def drawn(first: str) -> bytes:
        matrix = ConfusionMatrix([first, "b"])
        matrix.add(np.array([0]), np.array([1]))
        return draw_confusion(matrix).tobytes()

    assert drawn("あ") == drawn("class 0")
    assert drawn("Ж") != drawn("class 0")
    long = "a" * 32
    assert drawn(long) != drawn(long + "b") == drawn("a" * 29 + "...")


def test_the_file_says_who_made_it(tmp_path: Path) -> None:
    write_confusion(tmp_path / "c.png", matrix_of(10)[0], key="output")
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.info["Software"] == "mnist_etc"
