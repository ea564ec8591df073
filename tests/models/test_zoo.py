"""The models of the zoo: what they answer with, how large they are, and that their files answer as they do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import SCHEMAS

from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.models.zoo import ZOO
from mnist_etc.models.zoo_config import ZooConfig

if TYPE_CHECKING:
    import keras

MODELS = list(ZOO)
PRIVATE = {"cnn", "autoencoder", "student"}
FORMS = [(28, 10), (16, 2), (32, 100), (64, 1000)]
"""Sides and classes."""
SMALL = 8
"""A side at which each model is quick."""


def config(name: str, *words: str) -> ZooConfig:
    """That of ``model=<name>``."""
    command: Any = compose("supervised", SCHEMAS["supervised"], [f"model={name}", *words])
    model: ZooConfig = command.model
    return model


def network(name: str, *words: str, seed: int = 0, side: int = SMALL, classes: int = 10) -> keras.Model:
    """A fresh one, as ``conf/`` has it but for ``words``."""
    return ZOO[name].network(config(name, *words), seed, side, classes)


def images(count: int = 64, side: int = SMALL) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((count, side, side, 1), dtype=np.float32)


def layers_of(model: keras.Model) -> set[str]:
    """Class names, those of nested models included."""
    import keras

    found: set[str] = set()
    for layer in model.layers:
        found |= layers_of(layer) if isinstance(layer, keras.Model) else {type(layer).__name__}
    return found - {"InputLayer"}


@pytest.mark.parametrize("name", MODELS)
def test_any_side_and_any_number_of_classes(name: str) -> None:
    for side, classes in FORMS[1:2] if name == "two_branch_cnn" else FORMS:
        model = network(name, side=side, classes=classes)
        assert model.input_shape == (None, side, side, 1)
        picture = np.repeat(images(1, side), 2, axis=0)
        picture[1, -4:, -4:] = 9
        first, second = np.asarray(model(picture))
        assert first.shape == (classes,)
        assert np.isfinite(first).all()
        assert not np.allclose(first, second), "the last corner is seen"


@pytest.mark.parametrize("name", MODELS)
def test_weights_follow_from_the_seed(name: str) -> None:
    first, again, other = (network(name, seed=seed).get_weights() for seed in (3, 3, 4))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    drawn = [(one, another) for one, another in zip(first, other, strict=True) if one.std() > 0]
    assert drawn
    assert not any(np.array_equal(one, another) for one, another in drawn)
    shapes = {one.shape for one, _ in drawn}
    for shape in shapes:
        alike = [one for one, _ in drawn if one.shape == shape]
        assert len({one.tobytes() for one in alike}) == len(alike), "no two layers begin alike"


@pytest.mark.parametrize(("name", "most"), [("cnn", 250_000), ("tiny", 7_999), ("capsule", 161_000)])
def test_size(name: str, most: int) -> None:
    """Of what is published, for ten classes of MNIST's images; running means count."""
    assert network(name, side=28).count_params() <= most


def test_two_branches_by_hand() -> None:
    """Weights and biases as the issue describes the network, each group of 32 channels to 64 reading 16."""
    convolutions = 9 * 32 + 32, 9 * 16 * 64 + 64, 9 * 16 * 64 + 64, 9 * 64 * 512 + 512, 9 * 512 * 512 + 512
    dense = 7 * 7 * 512 * 1000 + 1000, 1000 * 500 + 500, 500 * 10 + 10
    assert network("two_branch_cnn", side=28).count_params() == sum(convolutions) + sum(dense) == 28_268_622


def test_two_groups_see_half_of_the_channels() -> None:
    import keras

    from mnist_etc.models.two_branch_cnn import GroupedConv2D

    layer, whole = (kind(6, 3, padding="same", groups=2) for kind in (GroupedConv2D, keras.layers.Conv2D))
    values = np.random.default_rng(0).random((2, 5, 5, 4), dtype=np.float32)
    layer.build(values.shape)
    whole.build(values.shape)
    layer.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in layer.get_weights()])
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(values), whole(values), atol=1e-5)
    assert layer.count_params() == whole.count_params() == 9 * 2 * 6 + 6


@pytest.mark.parametrize("name", MODELS)
def test_a_row_names_its_layers(name: str) -> None:
    assert layers_of(network(name)) == ZOO[name].layers - {"AveragePooling2D"}
    assert layers_of(network(name, side=36)) <= ZOO[name].layers


@pytest.mark.parametrize("name", MODELS)
def test_a_private_one_is_followed_or_refused_before_it_is_built(name: str) -> None:
    """By the layers that its row names: batch normalization mixes a batch."""
    from mnist_etc.privacy.layers import chain, rule_of

    if name not in PRIVATE:
        with pytest.raises(ConfigError, match=r"Expected layers (that answer each example|with an exact per-example)"):
            network(name, "model.private=true")
        return
    model = network(name, "model.private=true", side=64)
    assert layers_of(model) <= ZOO[name].made_of(private=True)
    assert ZOO[name].fitted(config(name, "model.private=true"), model, 0) is model
    for layer in chain(model):
        assert rule_of(layer)


@pytest.mark.parametrize("name", MODELS)
def test_files_answer_as_the_model_does(name: str, tmp_path: Path) -> None:
    """ONNX at several sizes of a batch, and h5 into a fresh network and into Keras by itself; running means moved."""
    import keras
    import onnxruntime

    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.h5 import read_h5, write_h5

    model, generator = network(name), np.random.default_rng(1)
    moved = [one + 0.1 * (one.ndim == 1) * generator.random(one.shape) for one in model.get_weights()]
    model.set_weights(moved)
    expected = np.asarray(model(images()))
    assert expected.std(axis=0).max() > 1e-3
    write_onnx(model, tmp_path / "model.onnx", images())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"input": images()})[0], expected, atol=1e-4)
    write_h5(model, tmp_path / "model.h5")
    other = network(name, seed=1)
    read_h5(other, tmp_path / "model.h5")
    np.testing.assert_array_equal(other(images()), expected)
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.h5", compile=False)(images()), expected)


@pytest.mark.parametrize("routing", ["self_attention", "dynamic"])
def test_capsules_of_an_empty_image_have_a_gradient(routing: str) -> None:
    """The root of a norm of 0 has none, and an untrained capsule of a black image is 0."""
    import tensorflow as tf

    from mnist_etc.models.capsules import Capsules, LengthLogits, Squash

    row, settings = ZOO["capsule"], config("capsule", f"model.routing={routing}")
    model = row.network(settings, 0, SMALL, 10)
    fitted = row.fitted(settings, model, 0)
    black = tf.zeros((2, SMALL, SMALL, 1))
    with tf.GradientTape() as tape:
        tape.watch(black)
        logits, rebuilt = fitted(black, training=True)
        total = tf.reduce_sum(logits) + tf.reduce_sum(rebuilt)
    for gradient in tape.gradient(total, [black, *fitted.trainable_variables]):
        assert gradient is None or np.isfinite(gradient).all()

    parts = tf.zeros((2, 5, 4))
    layer = Capsules(3, 4, routing)
    with tf.GradientTape() as tape:
        tape.watch(parts)
        lengths = LengthLogits(1.0)(layer(Squash()(parts)))
    assert np.isfinite(tape.gradient(lengths, parts)).all()
    np.testing.assert_allclose(lengths, 0, atol=5e-3)


@pytest.mark.parametrize("routing", ["self_attention", "dynamic"])
def test_routing_by_hand(routing: str) -> None:
    """The sums of two capsules from three, in NumPy loops after the papers."""
    from mnist_etc.models.capsules import Capsules

    generator = np.random.default_rng(0)
    parts = generator.normal(size=(1, 3, 4)).astype(np.float32)
    layer = Capsules(2, 5, routing)
    layer.build(parts.shape)
    layer.set_weights([generator.normal(size=one.shape) for one in layer.get_weights()])
    found = np.asarray(layer(parts))[0]
    kernel, prior = layer.get_weights()
    votes = np.stack([parts[0, i] @ kernel[i] for i in range(3)]).reshape(3, 2, 5).transpose(1, 0, 2)
    prior = prior[..., 0]

    def softmax(values: NDArray[Any]) -> NDArray[Any]:
        return np.exp(values) / np.exp(values).sum(axis=0)

    if routing == "self_attention":
        agreement = np.array([[sum(vote @ other for other in of_one) for vote in of_one] for of_one in votes])
        shares = softmax(agreement / np.sqrt(5)) + prior
    else:
        logits = prior.astype(np.float64)
        for _ in range(2):
            sums = np.einsum("ci,cid->cd", softmax(logits), votes)
            length = np.linalg.norm(sums, axis=1, keepdims=True)
            logits = logits + np.einsum("cid,cd->ci", votes, sums / length * (1 - np.exp(-length)))
        shares = softmax(logits)
    np.testing.assert_allclose(found, np.einsum("ci,cid->cd", shares, votes), atol=1e-4)


def test_an_unknown_routing_is_refused() -> None:
    with pytest.raises(ConfigError, match="self_attention, dynamic; received 'magic'"):
        network("capsule", "model.routing=magic")


def test_the_decoder_rebuilds_from_the_longest_capsule_alone() -> None:
    from mnist_etc.models.capsules import LongestCapsule

    capsules = np.random.default_rng(0).random((4, 3, 2), dtype=np.float32)
    kept = np.asarray(LongestCapsule()(capsules))
    longest = np.linalg.norm(capsules, axis=2).argmax(axis=1)
    for one, found, number in zip(capsules, kept, longest, strict=True):
        np.testing.assert_array_equal(found[number], one[number])
        assert np.count_nonzero(found) == 2


@pytest.mark.parametrize("name", ["capsule", "autoencoder"])
def test_what_is_fitted_shares_the_weights(name: str) -> None:
    """Image to the model's logits and the image rebuilt; every weight of the model is among those that are fitted."""
    row, settings, side = ZOO[name], config(name), 12
    model = row.network(settings, 0, side, 3)
    fitted = row.fitted(settings, model, 0)
    logits, rebuilt = fitted(images(5, side))
    np.testing.assert_array_equal(logits, model(images(5, side)))
    assert rebuilt.shape == (5, side, side, 1)
    assert {id(one) for one in model.trainable_variables} < {id(one) for one in fitted.trainable_variables}
    assert row.fitted(config(name, "model.reconstruction_weight=0"), model, 0) is model


@pytest.mark.parametrize(
    ("name", "word", "grows"),
    [
        ("cnn", "width=8", False),
        ("efficient", "depth=2", True),
        ("tiny", "width=4", False),
        ("autoencoder", "hid_dim=64", True),
    ],
)
def test_hyperparameters_are_read(name: str, word: str, grows: bool) -> None:
    plain, other = network(name).count_params(), network(name, f"model.{word}").count_params()
    assert (other > plain) == grows
    assert other != plain


@pytest.mark.parametrize("name", [name for name in ZOO if "dropout" in ZOO[name].reads])
def test_dropout_drops_in_training_alone(name: str) -> None:
    assert "Dropout" in layers_of(network(name, "model.dropout=0.5"))
    assert "Dropout" not in layers_of(network(name, "model.dropout=0"))
