from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.data.levels import Levels, guess, guess_white
from mnist_etc.errors import DataError

GRAY = np.arange(256)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (GRAY, "0 is taken for black, 255 for white"),
        (GRAY / 255, "0 is taken for black, 1 for white"),
        (GRAY.astype(np.float32), "0 is taken for black, 255 for white"),
        (GRAY / 127.5 - 1, "-1 is taken for black, 1 for white"),
        (GRAY / 255 - 0.5, "-0.5 is taken for black, 0.5 for white"),
        ((GRAY / 255 - 0.1307) / 0.3081, "-0.42421 is taken for black, 2.8215 for white"),
        (GRAY * 257, "0 is taken for black, 65535 for white"),
        (GRAY > 127, "0 is taken for black, 1 for white"),
    ],
)
def test_the_range_is_told_from_the_numbers(stored: np.ndarray, words: str) -> None:
    whole = stored.dtype.kind != "f" or bool((stored % 1 == 0).all())
    levels = guess(float(stored.min()), float(stored.max()), whole=whole, title="a")
    assert str(levels) == words
    expected = 255 * (GRAY > 127) if stored.dtype == bool else GRAY
    assert np.array_equal(levels.to_uint8(stored), expected)


def test_digits_of_scikit_learn_have_17_levels() -> None:
    assert guess(0, 16, whole=True, title="a") == Levels(0, 16)


@pytest.mark.parametrize(
    ("most", "white"), [(0, 255), (255, 255), (256, 1023), (4095, 4095), (5000, 16383), (65535, 65535)]
)
def test_the_white_of_two_bytes_is_that_of_the_bits_they_hold(most: int, white: int) -> None:
    assert guess_white(most) == white


@pytest.mark.parametrize(
    ("low", "high", "whole"),
    [(0, 2.5, False), (-3, 3, False), (-128, 127, True), (0, np.inf, False), (np.nan, 1, False), (0, 70_000, True)],
)
def test_what_fits_no_range_is_refused(low: float, high: float, whole: bool) -> None:
    with pytest.raises(DataError, match=r"^Expected pixels in .* in a; received numbers from .*\. Scale"):
        guess(low, high, whole=whole, title="a")
