"""Both engines against a loop over single examples, against each other, and against what a step promises."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from mnist_etc.errors import PrivacyError
from mnist_etc.models.config import OutputActivation
from mnist_etc.privacy.engine import ClippingEngine
from mnist_etc.privacy.registry import ENGINES, build_engine

KINDS = list(ENGINES)
BATCH = 7


def network(*stack: layers.Layer, shape: tuple[int, ...] = (9, 11, 3)) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([layers.Input(shape), *stack])
    for variable in model.trainable_variables:  # zero biases would hide a bias that is left out
        variable.assign(np.random.default_rng(5).normal(0, 0.5, variable.shape))
    return model


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "dense": lambda: network(layers.Dense(5, activation="relu"), layers.Dense(4), shape=(6,)),
    "dense without bias": lambda: network(layers.Dense(5, use_bias=False), layers.Dense(3, "tanh"), shape=(6,)),
    "dense on positions": lambda: network(layers.Dense(5, activation="relu"), layers.Dense(2)),
    "conv": lambda: network(layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(2, (1, 2))),
    "conv same": lambda: network(layers.Conv2D(4, (5, 2), padding="same", activation="relu"), layers.Conv2D(2, 3)),
    "conv strides": lambda: network(layers.Conv2D(4, 3, strides=2), layers.ReLU(), layers.Conv2D(2, 2, strides=(1, 2))),
    "conv same strides": lambda: network(layers.Conv2D(4, 3, strides=(2, 2), padding="same", activation="elu")),
    "conv dilated": lambda: network(layers.Conv2D(4, (2, 3), dilation_rate=2, activation="relu"), layers.Conv2D(2, 2)),
    "conv without bias": lambda: network(layers.Conv2D(4, 3, use_bias=False), layers.Flatten(), layers.Dense(3)),
    "few positions": lambda: network(layers.Conv2D(12, (8, 9), activation="relu"), layers.Conv2D(20, 2)),
    "one position": lambda: network(layers.Conv2D(12, (9, 11)), layers.Conv2DTranspose(8, 3)),
    "transposed": lambda: network(layers.Conv2DTranspose(4, 3, activation="relu"), layers.Conv2DTranspose(2, (2, 5))),
    "transposed strides": lambda: network(layers.Conv2DTranspose(4, 3, strides=2), layers.Conv2DTranspose(2, 2, 3)),
    "transposed same": lambda: network(layers.Conv2DTranspose(4, 3, strides=2, padding="same"), layers.Conv2D(1, 2)),
    "transposed, stride beyond kernel": lambda: network(layers.Conv2DTranspose(2, 2, strides=3)),
    "pools": lambda: network(layers.Conv2D(4, 2), layers.MaxPooling2D(2), layers.AveragePooling2D(2), layers.Dense(2)),
    "nested": lambda: network(keras.Sequential([layers.Conv2D(3, 2)]), layers.UpSampling2D(2), layers.Conv2D(2, 3)),
    "bounded": lambda: network(layers.Conv2D(4, 3), layers.ReLU(max_value=1.0), layers.Conv2D(2, 3)),
}


def squares(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    """A loss that no layer's symmetry hides in."""
    outputs = predict(inputs)
    outputs = tf.reshape(outputs, [tf.shape(outputs)[0], int(np.prod(outputs.shape[1:]))])
    wanted = tf.cos(tf.range(outputs.shape[1], dtype=tf.float32))
    return tf.reduce_mean(tf.square(outputs - wanted), 1)


def batch_for(model: keras.Model, size: int = BATCH) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(size=(size, *model.input_shape[1:])).astype(np.float32))


def one_by_one(model: keras.Model, inputs: tf.Tensor) -> np.ndarray:
    """The gradient of each example ``(batch, parameters)``, each from a batch of its own."""
    gradients = []
    for index in range(len(inputs)):
        with tf.GradientTape() as tape:
            loss = squares(lambda batch: model(batch, training=True), inputs[index : index + 1])[0]
        parts = tape.gradient(loss, model.trainable_variables)
        gradients.append(np.concatenate([part.numpy().ravel() for part in parts]))
    return np.stack(gradients)


def clipped(gradients: np.ndarray, clip: float) -> np.ndarray:
    return gradients * np.minimum(1, clip / np.linalg.norm(gradients, axis=1, keepdims=True))


def engine_for(kind: str, model: keras.Model, *, clip: float = 1.0, noise: float = 0.0) -> ClippingEngine:
    return build_engine(kind, model, squares, l2_norm_clip=clip, noise_multiplier=noise, seed=11)


def summing(engine: ClippingEngine, model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], np.ndarray]:
    """Inputs and mask to the clipped sum."""
    values = [variable.value for variable in model.trainable_variables]
    compiled = tf.function(lambda inputs, mask: engine.clipped_sum(values, mask, inputs), autograph=False)
    return lambda inputs, mask: np.asarray(compiled(inputs, mask))


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


PRESENT = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], np.float32)
"""Images of five people, four at most each; one of them has none in this part."""


def of_people(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Inputs ``(people, images, ...)`` with something where there is no image, and each person's summed gradient."""
    inputs = batch_for(model, PRESENT.size)
    gradients = one_by_one(model, inputs).reshape(*PRESENT.shape, -1)
    people = np.reshape(inputs, (*PRESENT.shape, *model.input_shape[1:]))
    return people, sum(gradients[:, image] * PRESENT[:, image, np.newaxis] for image in range(PRESENT.shape[1]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_persons_gradients_are_clipped_as_one(name: str, kind: str) -> None:
    """Against a loop over single images, added up by person; some people are clipped, some are not."""
    model = NETWORKS[name]()
    inputs, gradients = of_people(model)
    norms = np.linalg.norm(gradients, axis=1)
    clip = float(np.median(norms[norms > 0]))
    wanted = (gradients * np.minimum(1, clip / np.maximum(norms, 1e-30))[:, np.newaxis]).sum(axis=0)
    received = summing(engine_for(kind, model, clip=clip), model)(inputs, PRESENT)
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_moves_the_sum_by_the_clip_at_most_however_alike_the_images(kind: str) -> None:
    """Forty times the same image: clipped one by one they would move it by forty clips."""
    model = NETWORKS["conv"]()
    inputs = np.repeat(batch_for(model, 2).numpy()[:, np.newaxis], 40, axis=1)
    clipped_sum = summing(engine_for(kind, model, clip=0.5), model)
    everyone, one_less = np.ones((2, 40), np.float32), np.repeat([[0.0], [1.0]], 40, axis=1).astype(np.float32)
    moved = np.linalg.norm(clipped_sum(inputs, everyone) - clipped_sum(inputs, one_less))
    assert 0.4999 <= moved <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dense", "conv", "few positions"])
def test_people_of_one_image_each_are_images(name: str, kind: str) -> None:
    model = NETWORKS[name]()
    inputs = batch_for(model)
    clipped_sum = summing(engine_for(kind, model, clip=0.3), model)
    alone = clipped_sum(inputs, tf.ones(BATCH))
    np.testing.assert_allclose(clipped_sum(inputs[:, tf.newaxis], tf.ones((BATCH, 1))), alone, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_person_with_an_image_without_a_finite_gradient_counts_as_zero(value: float, kind: str) -> None:
    model = NETWORKS["conv"]()
    inputs, gradients = of_people(model)
    inputs = inputs.copy()
    inputs[0, 2] = inputs[3] = inputs[4, 3] = value  # one that is there, and where there is none
    received = summing(engine_for(kind, model, clip=1e6), model)(inputs, PRESENT)
    wanted = gradients[1:].sum(axis=0)
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("name", ["dense", "conv", "few positions", "pools"])
def test_an_example_without_a_finite_gradient_counts_as_zero(name: str, value: float, kind: str) -> None:
    """Of its inputs one or all; times 1e30 they are finite, and their gradient's norm is not."""
    model = NETWORKS[name]()
    inputs = batch_for(model).numpy()
    clipped_sum = summing(engine_for(kind, model), model)
    others = clipped_sum(inputs, tf.ones(BATCH) - tf.one_hot(2, BATCH))
    for place in [2] if value == 1e30 else [2, (2, *(0 for _ in model.input_shape[1:]))]:
        spoiled = inputs.copy()
        spoiled[place] *= value
        np.testing.assert_allclose(clipped_sum(spoiled, tf.ones(BATCH)), others, atol=1e-6)
    assert not clipped_sum(np.full_like(inputs, np.nan), tf.ones(BATCH)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_whose_positions_cancel_is_clipped_all_the_same(kind: str) -> None:
    """Of 4 large terms a small sum is left, and by Gram matrices its norm is what rounding leaves: 0 or less, even."""
    model = network(layers.Conv2D(200, 1, use_bias=False), shape=(2, 2, 300))
    generator = np.random.default_rng(2)
    inputs = np.repeat(generator.normal(size=(32, 2, 1, 300)), 2, axis=2).astype(np.float32)
    slopes = generator.normal(size=(32, 2, 1, 200)) * [[1e4], [-1.0001e4]]

    def lines(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor, slopes: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(predict(inputs) * slopes, [1, 2, 3])

    engine = build_engine(kind, model, lines, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0)
    weights = [variable.value for variable in model.trainable_variables]
    clipped_sum = tf.function(lambda mask, *batch: engine.clipped_sum(weights, mask, *batch), autograph=False)
    for index in range(32):
        moved = np.linalg.norm(clipped_sum(tf.one_hot(index, 32), inputs, slopes.astype(np.float32)))
        assert 0 < moved <= 1.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_finite_loss_with_an_infinite_slope_counts_as_zero(kind: str) -> None:
    """The root of 0: the loss is a number, its gradient is none."""
    model = network(layers.Dense(3, use_bias=False), shape=(6,))
    inputs = batch_for(model).numpy()
    inputs[4] = 0

    def roots(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.sqrt(tf.abs(predict(inputs))), 1)

    engine = build_engine(kind, model, roots, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0)
    everyone = tf.ones(BATCH)
    received = summing(engine, model)(inputs, everyone)
    assert np.isfinite(received).all()
    np.testing.assert_array_equal(received, summing(engine, model)(inputs, everyone - tf.one_hot(4, BATCH)))


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
