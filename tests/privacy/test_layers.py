"""The rules of layers: what is registered, and that a user's own layer is followed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mnist_etc.errors import PrivacyError
from mnist_etc.privacy.layer_names import BUILT_IN, FOLLOWED, MIXING
from mnist_etc.privacy.layers import RULES, Linear, Weightless, rule_for
from mnist_etc.privacy.registry import ENGINES, build_engine, refuse


class Tripled(layers.Dense):
    """A dense layer that answers as if its kernel were three times as large."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.activation(tf.tensordot(inputs, 3 * self.kernel, 1) + self.bias)


class TripledRule(Linear):
    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return super().linear(3 * inputs, kernel)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return super().factors(3 * inputs, gradient)


@pytest.fixture
def registered() -> Iterator[None]:
    """The rule is there in the test and gone after it."""
    rule_for(Tripled)(TripledRule)
    yield
    del RULES[Tripled]
    FOLLOWED.remove("Tripled")


def model() -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras.Sequential([layers.Input((6,)), Tripled(5, "tanh"), layers.Dense(4, "relu"), Tripled(3)])


def squares(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(predict(inputs) - [0.1, 0.5, -0.3]), 1)


@pytest.mark.parametrize("clip", [0.05, 1e6])
def test_a_users_layer_with_a_rule_is_clipped_as_by_the_reference(registered: None, clip: float) -> None:
    subject, inputs = model(), np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)
    weights = [variable.value for variable in subject.trainable_variables]
    sums = []
    for name in ("fast", "tensorflow_privacy"):
        engine = build_engine(name, subject, squares, l2_norm_clip=clip, noise_multiplier=0.0, seed=0)
        sums.append(np.asarray(engine.clipped_sum(weights, tf.ones(9), tf.constant(inputs))))
    assert np.abs(sums[0] - sums[1]).max() <= 1e-5 * np.abs(sums[1]).max()
    refuse("fast", ["Dense", "Tripled"])


def test_a_subclass_never_goes_by_the_rule_of_its_parent() -> None:
    with pytest.raises(PrivacyError, match=r"a Tripled, which the fast engine has no rule for yet.*rule_for"):
        build_engine("fast", model(), squares, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0)


def test_a_layer_has_one_rule() -> None:
    with pytest.raises(ValueError, match="received Dense, which has one"):
        rule_for(layers.Dense)(TripledRule)


def test_what_is_known_before_tensorflow_loads_is_what_is_registered() -> None:
    assert {kind.__name__ for kind in RULES if kind.__module__.startswith("keras.")} == BUILT_IN
    assert ENGINES["fast"].layers is FOLLOWED
    assert not MIXING & FOLLOWED
    assert all(getattr(layers, name) for name in BUILT_IN | MIXING)


def test_a_layer_without_weights_is_registered_as_one() -> None:
    for kind, rule in RULES.items():
        assert issubclass(rule, Linear) == ("use_bias" in kind.__init__.__code__.co_varnames)
        assert issubclass(rule, Weightless) != issubclass(rule, Linear)
