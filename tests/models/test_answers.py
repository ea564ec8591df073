"""What a network says of many images: the same in parts, by a graph, as by Keras' own steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.models.answers import BATCH, FEW, answer


@pytest.mark.parametrize("count", [0, 1, BATCH + 3, FEW + 3])
def test_it_is_what_keras_says(count: int) -> None:
    network = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(5)])
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    said = answer(network, images)
    assert (said.shape, said.dtype) == ((count, 5), np.float32)
    if count:
        np.testing.assert_allclose(said, network(scale_pixels(images)), atol=1e-6)
        np.testing.assert_array_equal(said, answer(network, scale_pixels(images)))
