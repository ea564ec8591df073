"""Canaries: each one's gradient is known, counts in full and touches no other's, in the real task."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.audit.canaries import Canaries, head_task
from mnist_etc.data import Split

COUNT, IMAGES = 7, 3


def images() -> Split:
    generator = np.random.default_rng(0)
    return Split(generator.random((IMAGES, 28, 28, 1)).astype(np.float32), generator.integers(0, 10, IMAGES))


def gradients(canaries: Canaries, kernel: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each example's loss, ``(examples, inputs, 10)``."""
    import tensorflow as tf

    task = head_task(images(), weights, canaries)
    found = []
    for index in range(IMAGES + COUNT):
        variable = tf.Variable(kernel)
        with tf.GradientTape() as tape:
            batch = [tf.constant(array[index : index + 1]) for array in task.arrays]
            loss = task.loss(lambda inputs, kernel=variable: inputs @ kernel, *batch)
        found.append(tf.convert_to_tensor(tape.gradient(loss, variable)).numpy())
    return np.array(found)


def some_kernel() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(784 + COUNT, 10), scale=0.3).astype(np.float32)


@pytest.mark.parametrize("clip", [0.01, 1.0])
def test_a_canary_knows_its_own_gradient(clip: float) -> None:
    canaries, kernel = Canaries(COUNT, clip, 10), some_kernel() / max(1, 10 * clip)
    found = gradients(canaries, kernel, np.ones(IMAGES + COUNT, np.float32))[IMAGES:]
    expected = canaries.gradients(kernel[-COUNT:]) * clip
    for index, own in enumerate(found):
        before = np.linalg.norm(own)
        assert before > 3 * clip
        np.testing.assert_allclose(expected[index], own[784 + index] * clip / before, rtol=1e-4, atol=1e-5 * clip)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), clip, rtol=1e-5)


def test_gradients_are_orthogonal() -> None:
    """Of a canary and any other example; else what is seen of one would depend on the coins of others."""
    found = gradients(Canaries(COUNT, 0.1, 10), some_kernel(), np.ones(IMAGES + COUNT, np.float32))
    flat = found.reshape(IMAGES + COUNT, -1)
    products = flat @ flat.T
    assert not products[:IMAGES, IMAGES:].any()
    assert np.count_nonzero(products[IMAGES:, IMAGES:]) == COUNT


def test_weight_0_is_the_contribution_zeroed() -> None:
    weights = np.ones(IMAGES + COUNT, np.float32)
    weights[[1, IMAGES + 2]] = 0
    found = gradients(Canaries(COUNT, 0.1, 10), some_kernel(), weights)
    assert [bool(one.any()) for one in found] == [bool(weight) for weight in weights]
