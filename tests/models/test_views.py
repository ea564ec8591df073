"""Test-time augmentation: the mean of the logits of an image and of its mirror image, by the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.models.zoo import ZOO
from mnist_etc.models.zoo_config import AnswerViews, ZooConfig

if TYPE_CHECKING:
    import keras

SIDE = 8
MIRROR = ("model.augmentation.flip=0.5",)


def config(*words: str) -> ZooConfig:
    command: Any = compose("supervised", SupervisedCommand, list(words))
    model: ZooConfig = command.model
    return model


def images(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((count, SIDE, SIDE, 1), dtype=np.float32)


def both(name: str, *words: str) -> tuple[keras.Model, keras.Model]:
    """A network, and it as it answers."""
    from mnist_etc.models.views import answering

    own = config(f"model={name}", *words)
    network = ZOO[own.name].network(own, 0, SIDE, 10)
    return network, answering(own, network)


@pytest.mark.parametrize("name", ["cnn", "capsule"])
def test_an_answer_is_the_mean_of_both_views(name: str) -> None:
    network, whole = both(name, *MIRROR)
    for count in (1, 5):
        shown = images(count)
        mean = (np.asarray(network(shown)) + np.asarray(network(shown[:, :, ::-1]))) / 2
        np.testing.assert_allclose(whole(shown), mean, atol=1e-5)
    assert whole.count_params() == network.count_params()
    assert np.abs(np.asarray(network(shown)) - mean).max() > 1e-3, "the views differ"


def test_both_files_hold_it_and_the_weights_once(tmp_path: Path) -> None:
    import keras
    import onnx
    import onnxruntime

    from mnist_etc.evaluation.model_info import multiply_adds
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.full_model import read_zoo_model
    from mnist_etc.models.h5 import write_h5

    network, whole = both("cnn", *MIRROR)
    for model, name in ((network, "one"), (whole, "two")):
        write_h5(model, tmp_path / f"{name}.h5")
        write_onnx(model, tmp_path / f"{name}.onnx", images(64))
    shown, wanted = images(5), np.asarray(whole(images(5)))
    read = read_zoo_model(config("model=cnn", *MIRROR), tmp_path / "two.h5", side=SIDE)
    np.testing.assert_array_equal(read(shown), wanted)
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "two.h5", compile=False)(shown), wanted)
    session = onnxruntime.InferenceSession(tmp_path / "two.onnx")
    for count in (0, 1, 5):
        np.testing.assert_allclose(session.run(None, {"input": shown[:count]})[0], wanted[:count], atol=1e-4)
    one, two = (tmp_path / f"{name}.onnx" for name in ("one", "two"))
    assert two.stat().st_size < 1.05 * one.stat().st_size
    assert multiply_adds(onnx.load(two)) == 2 * multiply_adds(onnx.load(one))


@pytest.mark.parametrize(
    ("words", "views"),
    [
        (("data=fashion_mnist",), AnswerViews.mirror),
        (("data=mnist",), AnswerViews.none),
        (("data=fashion_mnist", "model.augment=false"), AnswerViews.none),
        (("data=fashion_mnist", "model.augmentation.flip=0"), AnswerViews.none),
        (("data=fashion_mnist", "model.private=true"), AnswerViews.none),
        (("data=fashion_mnist", "model.test_time_augmentation=none"), AnswerViews.none),
        (("data=digits", *MIRROR), AnswerViews.mirror),
    ],
)
def test_it_goes_by_what_the_network_is_trained_on(words: tuple[str, ...], views: AnswerViews) -> None:
    from mnist_etc.models.views import answering

    own = config(*words)
    assert own.test_time_augmentation is views
    network = ZOO["cnn"].network(own, 0, SIDE, 10)
    assert (answering(own, network) is network) == (views is AnswerViews.none)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data=mnist",), r"flip=0\. Pass model\.augment=true model\.augmentation\.flip=0\.5, or leave it out\."),
        (("data=fashion_mnist", "model.augment=false"), r"Pass .*, or leave it out\."),
        (("data=fashion_mnist", "model.private=true"), r"flip=0\.5\. Leave it out\."),
    ],
)
def test_no_views_that_the_network_never_saw(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=f"Expected training images that are mirrored too .*{told}"):
        config(*words, "model.test_time_augmentation=mirror")
