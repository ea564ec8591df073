from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch
from mnist_etc.inference.labels import Labeled
from mnist_etc.inference.table import answers, columns

NAMES = ("a", "b", "c", "d")


def batch(count: int, warnings: list[str] | None = None) -> Batch:
    names = [f"{number}.png" for number in range(count)]
    return Batch(names, np.zeros((count, 28, 28), np.uint8), warnings=warnings or [""] * count)


def test_columns_follow_the_best() -> None:
    assert columns("file", 1) == ["file", "predicted", "class", "probability", "label", "warning", "distance"]
    assert columns("file", 3)[7:] == ["predicted_2", "probability_2", "predicted_3", "probability_3"]


def test_the_best_in_their_order() -> None:
    probabilities = np.array([[0.1, 0.6, 0.25, 0.05], [0.4, 0.3, 0.2, 0.1]], np.float32)
    table = answers(batch(2), probabilities, NAMES, top=3)
    assert table.predicted == ["b", "a"]
    assert table.classes == [1, 0]
    assert [names for names, _ in table.following] == [["c", "b"], ["a", "c"]]
    assert table.following[0][1] == pytest.approx([0.25, 0.3])
    assert table.lines() == ["0.png: b (0.60), c (0.25), a (0.10)", "1.png: a (0.40), b (0.30), c (0.20)"]
    assert len(table.values()) == len(columns("file", 3))


@pytest.mark.parametrize(
    ("probabilities", "named"),
    [
        ([1, 0, 0, 0], ["a", None, None, None]),  # the policy label
        ([0.7, 0.1, 0.1, 0.1], ["a", None, None, None]),  # top1: the rest evenly
        ([0.6, 0.3, 0.05, 0.05], ["a", "b", None, None]),  # top_k of two
        ([0.4, 0.3, 0.3, 0.0], ["a", None, None, "d"]),  # rounded
        ([0.25, 0.25, 0.25, 0.25], ["a", None, None, None]),
    ],
)
def test_what_a_policy_tells_as_equal_has_no_order(probabilities: list[float], named: list[str | None]) -> None:
    table = answers(batch(1), np.array([probabilities], np.float32), NAMES, top=4)
    assert [table.predicted[0], *(names[0] for names, _ in table.following)] == named
    assert [numbers[0] is None for _, numbers in table.following] == [name is None for name in named[1:]]


def test_no_figure_no_answer() -> None:
    probabilities = np.full((2, 4), 0.25, np.float32) + np.array([0, 0.3, 0.2, 0.1], np.float32)
    labeled = Labeled(np.array([1, 0]), ["b", "a"])
    table = answers(batch(2, [EMPTY, SEVERAL]), probabilities, NAMES, labeled=labeled, top=2)
    assert (table.predicted[0], table.classes[0], table.probability[0], table.following[0][0][0]) == (None,) * 4
    assert table.labels == ["b", "a"]
    assert table.lines()[0] == "0.png: empty"
    assert table.lines()[1].endswith(", several")


def test_what_is_no_number_is_unknown() -> None:
    """JSON has none such; a model that diverged gives them."""
    table = answers(batch(2), np.full((2, 4), np.nan, np.float32), NAMES, distances=np.array([np.inf, 0.5]))
    assert (table.probability, table.distance) == ([None, None], [None, 0.5])
    assert table.lines() == ["0.png: a", "1.png: a"]


def test_a_name_stays_on_its_line_in_a_terminal() -> None:
    strange = Batch(["a\nb\x1b[2J.png", "\udcff.png", "ä あ.png"], np.zeros((3, 28, 28), np.uint8), warnings=[""] * 3)
    lines = answers(strange, np.eye(4, dtype=np.float32)[:3], NAMES).lines()
    assert lines == ["a\\nb\\x1b[2J.png: a (1.00)", "\\udcff.png: b (1.00)", "ä あ.png: c (1.00)"]
