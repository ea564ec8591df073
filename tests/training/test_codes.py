"""Which layer's answers are shown as codes."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.data import Split
from mnist_etc.training.features import before_logits, codes_of


@pytest.mark.parametrize(("width", "shown"), [(5, 5), (2000, 3)])
def test_codes_are_what_the_last_layer_reads_or_the_logits(width: int, shown: int) -> None:
    import keras

    stack = [keras.layers.Flatten(), keras.layers.Dense(width, "relu"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.layers.Input((8, 8, 1)), *stack])
    images = np.random.default_rng(0).integers(0, 256, (1200, 8, 8), np.uint8)
    split = Split(images, np.arange(1200) % 3, names=("a", "b", "c"))
    codes = codes_of(before_logits(model), split)
    assert codes.values.shape == (1000, shown)
    assert np.array_equal(codes.images, images[:1000])
    assert list(codes.labels[:4]) == ["a", "b", "c", "a"]
    values = model.layers[1](model.layers[0](images[:7, ..., None] / np.float32(255))) if shown == width else None
    assert values is None or np.allclose(codes.values[:7], values, atol=1e-5)


def test_a_network_that_does_not_end_in_a_dense_layer_shows_its_answers() -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.ReLU()])
    assert before_logits(model) is model
