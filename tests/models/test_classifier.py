"""The classifier's layers: with biases where it is plain, without any where it is private."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.models.classifier import build_classifier
from mnist_etc.models.losses import cross_entropy
from mnist_etc.models.registry import Architecture
from mnist_etc.privacy.registry import build_engine


def classifier(*, private: bool, hidden_units: str) -> keras.Model:
    keys = [f"classifier.hidden_units={hidden_units}", f"classifier.private={private}".lower()]
    return build_classifier(compose("train", TrainCommand, keys).classifier, 8)


@pytest.mark.parametrize("hidden_units", ["[]", "[5]", "[5,4]"])
def test_a_private_one_has_no_bias_and_else_the_weights_of_a_plain_one(hidden_units: str) -> None:
    plain, private = (classifier(private=private, hidden_units=hidden_units) for private in (False, True))
    for one, other in zip(plain.get_weights()[::2], private.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_clipped_gradient_is_all_the_kernels() -> None:
    """Of features of norm 1 a bias would take half of it, squared."""
    model = classifier(private=True, hidden_units="[]")
    engine = build_engine("fast", model, cross_entropy, l2_norm_clip=0.1, noise_multiplier=1.0, seed=0)
    features = keras.utils.normalize(np.random.default_rng(0).normal(size=(1, 8))).astype(np.float32)
    weights = [variable.value for variable in model.trainable_variables]
    total = engine.clipped_sum(weights, tf.ones(1), tf.constant(features), tf.constant([3])).numpy()
    assert np.linalg.norm(total[: 8 * 10]) == pytest.approx(0.1, rel=1e-5)


def test_one_that_heeds_no_classes_is_refused() -> None:
    """Else a label beyond its logits ends the training in a stack trace, or in silence."""

    def build(_config: object, inputs: int, _seed: int, _classes: int) -> keras.Model:
        return keras.Sequential([keras.layers.Input((inputs,)), keras.layers.Dense(10)])

    row = Architecture(help="ten", build=build, layers=frozenset({"Dense"}), loss="cross_entropy")
    assert row.head(None, 8, 0, 10).output_shape == (None, 10)
    with pytest.raises(ConfigError, match=r"a classifier of 47 logits, .* received one of output \(None, 10\)"):
        row.head(None, 8, 0, 47)
