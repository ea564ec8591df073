"""What is stated is never less than what was computed, and no more than a digit above it."""

from __future__ import annotations

import math

import pytest

from mnist_etc.privacy.rounding import at_least


@pytest.mark.parametrize(
    ("value", "written"),
    [(3.00049, "3.001"), (2.99951, "3"), (3.0, "3"), (0.000123401, "0.0001235"), (45_827.85, "4.583e+04"), (0.0, "0")],
)
def test_it_rounds_up(value: float, written: str) -> None:
    assert at_least(value) == written


def test_an_infinite_one_is_written_as_such() -> None:
    assert at_least(math.inf) == "inf"


def test_so_many_digits_are_written() -> None:
    assert at_least(6.6012, 3) == "6.61"
