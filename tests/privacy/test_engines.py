"""Both engines against a loop over single examples, against each other, and against what a step promises."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from engines import BATCH, KINDS, NETWORKS, batch_for, clipped, engine_for, network, one_by_one, summing
from keras import layers
from scipy import stats

from mnist_etc.errors import PrivacyError
from mnist_etc.models.config import OutputActivation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_each_examples_gradient_is_exact(name: str, kind: str) -> None:
    """One example a batch-sized mask: the sum is that example's gradient, far below the clip."""
    model = NETWORKS[name]()
    inputs = batch_for(model)
    clipped_sum = summing(engine_for(kind, model, clip=1e6), model)
    for index, wanted in enumerate(one_by_one(model, inputs)):
        received = clipped_sum(inputs, tf.one_hot(index, BATCH))
        assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_clipping_is_to_each_examples_whole_norm(name: str, kind: str) -> None:
    model = NETWORKS[name]()
    inputs = batch_for(model)
    gradients = one_by_one(model, inputs)
    clip = float(np.median(np.linalg.norm(gradients, axis=1)))
    wanted = clipped(gradients, clip).sum(axis=0)
    received = summing(engine_for(kind, model, clip=clip), model)(inputs, tf.ones(BATCH))
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


def autoencoder_and_images() -> tuple[keras.Model, tf.Tensor]:
    from types import SimpleNamespace

    from mnist_etc.models.autoencoder import build_autoencoder
    from mnist_etc.models.clip import before_clip

    model = before_clip(build_autoencoder(SimpleNamespace(hid_dim=32, output_activation=OutputActivation.clip)))
    return model, tf.constant(np.random.default_rng(0).random((64, 28, 28, 1), dtype=np.float32))


def test_the_engines_agree_on_the_autoencoder() -> None:
    model, images = autoencoder_and_images()
    for clip in (1e-3, 1.0):
        mean = [
            summing(engine_for(kind, model, clip=clip), model)(images, tf.ones(64)) / 64
            for kind in ("fast", "tensorflow_privacy")
        ]
        assert np.abs(mean[0] - mean[1]).max() <= 1e-6 * max(1.0, np.abs(mean[1]).max())
        assert np.linalg.norm(mean[0] - mean[1]) <= 1e-5 * np.linalg.norm(mean[1])


@pytest.mark.parametrize("kind", KINDS)
def test_padding_counts_for_nothing(kind: str) -> None:
    model, images = autoencoder_and_images()
    clipped_sum = summing(engine_for(kind, model), model)
    alone = clipped_sum(images[:5], tf.ones(5))
    np.testing.assert_allclose(clipped_sum(images, tf.constant([1.0] * 5 + [0.0] * 59)), alone, atol=1e-6)
    assert not clipped_sum(images, tf.zeros(64)).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("name", ["dense", "conv", "few positions"])
def test_padding_that_repeats_an_example_without_a_finite_gradient(name: str, value: float, kind: str) -> None:
    model = NETWORKS[name]()
    inputs = batch_for(model).numpy()
    clipped_sum = summing(engine_for(kind, model), model)
    alone = clipped_sum(inputs[:3], tf.ones(3))
    inputs[3:] = value
    np.testing.assert_allclose(clipped_sum(inputs, tf.constant([1.0] * 3 + [0.0] * 4)), alone, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e3, 1e8])
def test_a_neighbour_with_a_huge_gradient_moves_the_sum_by_the_clip_at_most(kind: str, scale: float) -> None:
    model = NETWORKS["conv"]()
    inputs = batch_for(model).numpy()
    inputs[0] *= scale
    clipped_sum = summing(engine_for(kind, model, clip=0.5), model)
    everyone = tf.ones(BATCH)
    moved = np.linalg.norm(clipped_sum(inputs, everyone) - clipped_sum(inputs, everyone - tf.one_hot(0, BATCH)))
    assert 0.4999 <= moved <= 0.5 * (1 + 1e-5)


def draws(kind: str, count: int, *, clip: float = 0.5, noise: float = 3.0) -> np.ndarray:
    model = network(layers.Dense(3), shape=(4,))
    engine = engine_for(kind, model, clip=clip, noise=noise)
    total = tf.ones(15)
    draw = tf.function(
        lambda: tf.map_fn(
            lambda step: engine.add_noise(total, step), tf.range(count, dtype=tf.int64), fn_output_signature=tf.float32
        ),
        autograph=False,
    )
    return np.asarray(draw()) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_the_stated_deviation_and_no_parameter_shares_it(kind: str) -> None:
    """Mean, variance, distribution and correlations over 4,000 draws, each within limits of one in a million."""
    noise, rare = draws(kind, 4000), 1e-6
    count, deviation = noise.size, 0.5 * 3.0
    assert abs(noise.mean()) < stats.norm.isf(rare / 2) * deviation / count**0.5
    low, high = stats.chi2.ppf([rare / 2, 1 - rare / 2], count)
    assert low < np.square(noise).sum() / deviation**2 < high
    assert stats.kstest(noise.ravel() / deviation, "norm").pvalue > rare
    for draws_apart in (0, 1):
        first, second = noise[: len(noise) - draws_apart], noise[draws_apart:]
        correlations = first.T @ second / len(first) / deviation**2
        if not draws_apart:
            correlations -= np.diag(np.diag(correlations))
        assert np.abs(correlations).max() < stats.norm.isf(rare / 2) / len(first) ** 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_has_its_own_noise_and_keeps_it(kind: str) -> None:
    """In one graph and in a graph of its own."""
    first, second = draws(kind, 3), draws(kind, 3)
    np.testing.assert_array_equal(first, second)
    engine = engine_for(kind, network(layers.Dense(3), shape=(4,)), clip=0.5, noise=3.0)
    alone = [
        tf.function(engine.add_noise, autograph=False)(tf.ones(15), tf.constant(step, tf.int64)) for step in range(3)
    ]
    np.testing.assert_array_equal(np.array(alone) - 1, first)
    assert len(np.unique(first)) == first.size


@pytest.mark.parametrize("kind", KINDS)
def test_noise_goes_on_where_tensorflows_normal_numbers_end(kind: str) -> None:
    """They end at 5.678 deviations; beyond lies one number in 70 million, and one among these."""
    engine = engine_for(kind, network(layers.Dense(3), shape=(4,)), clip=0.5, noise=3.0)
    noise = engine.add_noise(tf.zeros(4_000_000), tf.constant(3, tf.int64))
    assert 5.69 < np.abs(noise).max() / 1.5 < 8.03


def less_the_batch_mean(values: tf.Tensor) -> tf.Tensor:
    return values - tf.reduce_mean(values, 0)


@pytest.mark.parametrize(
    ("kind", "stack", "words"),
    [
        ("fast", [layers.BatchNormalization()], r"a BatchNormalization, which mixes the batch: .* can ever be"),
        ("tensorflow_privacy", [layers.BatchNormalization()], "state"),
        ("fast", [layers.LayerNormalization()], "privacy.engine=tensorflow_privacy"),
        ("fast", [layers.Conv2D(6, 3, groups=3)], r"a Conv2D with settings, which .* no rule"),
        ("fast", [layers.Conv2D(6, 3, trainable=False)], "no rule"),
        ("fast", [layers.Activation(less_the_batch_mean)], "no rule"),
        ("fast", [layers.SeparableConv2D(4, 3)], "a SeparableConv2D, which the fast engine has no rule for yet"),
        ("fast", [layers.UnitNormalization(axis=0)], "no rule"),
        ("fast", [layers.Conv2D(2, 3, activation=less_the_batch_mean)], "no rule"),
        ("fast", [layers.Conv2D(2, 3, kernel_regularizer="l2")], "no rule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(kind: str, stack: list[layers.Layer], words: str) -> None:
    model = keras.Sequential([layers.Input((8, 8, 3)), *stack, layers.Flatten(), layers.Dense(2)])
    with pytest.raises(PrivacyError, match=words) as caught:
        engine_for(kind, model)
    assert "\n" not in str(caught.value)


def test_the_reference_serves_where_the_fast_one_has_no_rule() -> None:
    model = network(layers.LayerNormalization(), layers.Flatten(), layers.Dense(2))
    inputs = batch_for(model)
    received = summing(engine_for("tensorflow_privacy", model, clip=1e6), model)(inputs, tf.ones(BATCH))
    wanted = one_by_one(model, inputs).sum(axis=0)
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()
