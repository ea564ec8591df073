"""The attacked model."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_etc.attack.victim import VictimModel


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_head_is_known_with_a_bias_and_without(bias: bool) -> None:
    """A private classifier has none."""
    head = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(10, use_bias=bias, bias_initializer="ones")])
    victim = VictimModel(encoder=head, decoder=head, classifier=head, manifest={})
    codes = np.random.default_rng(0).normal(0, 1, (20, 6)).astype(np.float32)
    linear = victim.linear_head()
    assert linear is not None
    assert codes @ linear[0] + linear[1] == pytest.approx(victim.logits(codes), abs=1e-5)


def test_a_head_of_two_layers_is_not_linear() -> None:
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(10)]
    head = keras.Sequential([keras.layers.Input((6,)), *layers])
    assert VictimModel(encoder=head, decoder=head, classifier=head, manifest={}).linear_head() is None
