"""The rate at every step, against the curve written out."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

import numpy as np
import pytest

from mnist_etc.models.schedules import SCHEDULES

PEAK, STEPS = 0.2, 20


def up(step: int, warmup: int) -> float:
    return step / warmup


def bend(part: float, first: float, last: float) -> float:
    return last + (first - last) * (1 + cos(pi * part)) / 2


CURVES: dict[str, tuple[Callable[[int, int], float], Callable[[int, int], float]]] = {
    "cosine": (up, lambda step, warmup: bend((step - warmup) / (STEPS - warmup), 1, 0)),
    "linear": (up, lambda step, warmup: (STEPS - step) / (STEPS - warmup)),
    "constant": (up, lambda *_: 1.0),
    "one_cycle": (
        lambda step, warmup: bend(step / warmup, 1 / 25, 1),
        lambda step, warmup: bend((step - warmup) / (STEPS - 1 - warmup), 1, 1 / 250_000),
    ),
}


@pytest.mark.parametrize("warmup", [0, 1, 6])
@pytest.mark.parametrize("name", CURVES)
def test_rate_at_each_step(name: str, warmup: int) -> None:
    climb, after = CURVES[name]
    schedule = SCHEDULES[name](PEAK, warmup, STEPS)
    expected = [PEAK * (climb if step < warmup else after)(step, warmup) for step in range(STEPS)]
    assert np.allclose([float(schedule(step)) for step in range(STEPS)], expected, atol=1e-7)


def test_all_of_them_are_tried() -> None:
    assert list(SCHEDULES) == list(CURVES)


@pytest.mark.parametrize("name", CURVES)
def test_one_step_is_a_fit_too(name: str) -> None:
    assert float(SCHEDULES[name](PEAK, 0, 1)(0)) == pytest.approx(PEAK)
