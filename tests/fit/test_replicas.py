"""A batch shared among devices, against one device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from processes import environment
from toy_fits import CLASSES, arrays, config_of

from mnist_etc.errors import TrainingError
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.replicas import shared
from mnist_etc.fit.task import Task
from mnist_etc.fit.weights import FlatWeights
from mnist_etc.models.losses import cross_entropy
from mnist_etc.models.zoo_config import DistributionStrategy


def dense(*, normalized: bool = False) -> keras.Model:
    kernel = keras.initializers.GlorotUniform(1)
    middle = [layers.BatchNormalization(momentum=0.5)] if normalized else []
    return keras.Sequential([layers.Input((4,)), *middle, layers.Dense(CLASSES, kernel_initializer=kernel)])


@pytest.mark.parametrize("optimizer", ["adam", "sam"])
@pytest.mark.parametrize("count", [2, 3])
def test_leaves_the_weights_of_one_device(
    optimizer: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven images in batches of five: parts of unequal size, and a last batch of one image, so of empty parts."""
    monkeypatch.setattr("mnist_etc.fit.plain.devices", lambda: ["CPU:0"] * count)
    whole, parts = PlainSteps._of_one, []
    monkeypatch.setattr(PlainSteps, "_of_one", lambda *given: parts.append(given) or whole(*given))
    weights, traced = [], []
    for strategy in DistributionStrategy:
        model = dense()
        task = Task(label="dense", model=model, arrays=list(arrays(11)), loss=cross_entropy)
        steps = PlainSteps(task, config_of(optimizer=optimizer, strategy=strategy), 3)
        checkpoint = Checkpoint(tmp_path / f"{strategy.name}.npz", {})
        fit(steps, checkpoint=checkpoint, evaluate=lambda _: {}, report=lambda *_: None)
        weights.append(np.concatenate([value.ravel() for value in model.get_weights()]))
        traced.append(len(parts))
    assert traced[1] - traced[0] == count * traced[0], "each part has a gradient of its own"
    np.testing.assert_allclose(weights[1], weights[0], atol=2e-6)
    start = np.concatenate([value.ravel() for value in dense().get_weights()])
    assert np.abs(weights[0] - start).max() > 0.01


def test_a_normalization_sees_its_part_and_leaves_the_mean() -> None:
    weights = FlatWeights(dense(normalized=True))
    inputs, _ = arrays(6)

    def gradient(
        flat: tf.Tensor, state: Sequence[tf.Tensor], batch: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        outputs, left = weights.call(flat, state, batch[0])
        return tf.reduce_mean(outputs), tf.zeros_like(flat), left

    state = weights.values()
    _, _, left = shared(gradient, ["CPU:0", "CPU:0"])(weights.flat.value, state, [tf.constant(inputs)])
    halves = np.stack([inputs[:3], inputs[3:]])
    expected = {"mean": 0.5 * halves.mean(axis=(0, 1)), "variance": 0.5 + 0.5 * halves.var(axis=1).mean(axis=0)}
    found = {variable.name: value for variable, value in zip(weights.model.non_trainable_variables, left, strict=True)}
    np.testing.assert_allclose(found["moving_mean"], expected["mean"], atol=1e-6)
    np.testing.assert_allclose(found["moving_variance"], expected["variance"], atol=1e-6)


def test_a_dropout_draws_for_each_part_apart_and_goes_on_as_on_one_device() -> None:
    model = keras.Sequential([layers.Input((64,)), layers.Dropout(0.5, seed=1)])
    weights = FlatWeights(keras.Sequential([model, layers.Dense(1)]))

    def gradient(
        flat: tf.Tensor, state: Sequence[tf.Tensor], batch: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        kept, left = model.stateless_call([], state, batch[0], training=True)
        seen.append(np.asarray(kept) > 0)
        return tf.reduce_mean(kept), tf.zeros_like(flat), left

    seen: list[Any] = []
    state, batch = weights.values(), [tf.ones((4, 64))]
    _, _, once = gradient(weights.flat.value, state, batch)
    _, _, left = shared(gradient, ["CPU:0", "CPU:0"])(weights.flat.value, state, batch)
    assert (seen[1] != seen[2]).any()
    assert [np.asarray(one).tolist() for one in left] == [np.asarray(one).tolist() for one in once]


def test_one_device_is_refused() -> None:
    task = Task(label="dense", model=dense(), arrays=list(arrays()), loss=cross_entropy)
    with pytest.raises(TrainingError, match=r"two or more GPUs with model\.strategy=mirrored; received .*CPU:0 alone"):
        PlainSteps(task, config_of(strategy=DistributionStrategy.mirrored), 3)


TWO_DEVICES = """
import sys
import tensorflow as tf
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
import runpy
runpy.run_module("train_.supervised", run_name="__main__")
"""


def test_the_command_trains_on_two_devices(tmp_path: Path) -> None:
    words = ["model=tiny", "model.strategy=mirrored", "model.epochs=1", "data=digits", "gates=off", "tracking_uri=null"]
    command: list[Any] = [sys.executable, "-c", TWO_DEVICES, *words, "skip_export=true", "skip_visualizations=true"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "artifacts/digits/tiny_epochs=1_strategy=mirrored/models/full_model.onnx").exists()
