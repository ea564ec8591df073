"""How many images go through a model at once in a private step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from keras import layers
from private_fits import SETTINGS, trained

from mnist_etc.fit import private
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.privacy import sampling
from mnist_etc.privacy.plan import PrivacyPlan


def test_a_small_model_sees_more_images_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, sampler = [], PrivacyPlan.sampler

    def kept(self: PrivacyPlan, seed: int, images: int, at_once: int) -> sampling.PoissonSampler:
        asked.append(at_once)
        return sampler(self, seed, images, at_once)

    monkeypatch.setattr(PrivacyPlan, "sampler", kept)
    for units in (10, 1000):
        trained(Checkpoint(tmp_path / f"{units}.npz", SETTINGS), units=units)
    assert asked == [2**19 // (6 + 10), sampling.LARGEST_PART]


@pytest.mark.parametrize(
    ("model", "images"),
    [
        (lambda: keras.Sequential([layers.Input((6,)), layers.Dense(10)]), 2**19 // (6 + 10)),
        (lambda: keras.Sequential([layers.Input((6,)), layers.Dense(1000)]), sampling.LARGEST_PART),
        (
            lambda: keras.Sequential(
                [layers.Input((6,)), keras.Sequential([layers.Input((6,)), layers.Dense(94), layers.Dense(10)])]
            ),
            2**19 // (6 + 94 + 10),
        ),
        (lambda: keras.Sequential([layers.Input((6, 2)), layers.LSTM(4, return_state=True)]), 2**19 // (12 + 3 * 4)),
        (keras.Model, sampling.LARGEST_PART),
    ],
)
def test_images_at_once_go_by_all_that_layers_give(model: Callable[[], keras.Model], images: int) -> None:
    assert private._at_once(model()) == images
