"""What a model keeps beside its weights: moving statistics as Keras moves them, masks by seed, on resuming too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from toy_fits import CLASSES, arrays, config_of

from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.task import Task
from mnist_etc.models.losses import cross_entropy
from mnist_etc.models.zoo_config import DistributionStrategy, ZooConfig

NUMBER = 16


def normalized(dropout: float = 0.0, momentum: float = 0.9) -> keras.Model:
    fresh = [keras.initializers.GlorotUniform(number) for number in range(2)]
    return keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, kernel_initializer=fresh[0]),
            layers.BatchNormalization(momentum=momentum),
            layers.Dropout(dropout, seed=5),
            layers.Dense(CLASSES, kernel_initializer=fresh[1]),
        ]
    )


class StoppedError(Exception):
    """In the second epoch."""


def trained(config: ZooConfig, path: Path, model: keras.Model, *, stop: bool = False) -> list[bytes]:
    """The bytes of all that the model holds after the fit."""
    task = Task(label="toy", model=model, arrays=list(arrays(NUMBER)), loss=cross_entropy)

    def evaluate(epoch: int) -> dict[str, float]:
        if stop and epoch == 2:
            raise StoppedError
        return {}

    checkpoint = Checkpoint(path / "checkpoint.npz", {})
    fit(PlainSteps(task, config, 0), checkpoint=checkpoint, evaluate=evaluate, report=lambda *_: None)
    return [variable.numpy().tobytes() for variable in model.variables]


def convolutional(**normalization: Any) -> keras.Model:
    fresh = [keras.initializers.GlorotUniform(number) for number in range(2)]
    return keras.Sequential(
        [
            layers.Input((4,)),
            layers.Reshape((2, 2, 1)),
            layers.Conv2D(6, 2, padding="same", kernel_initializer=fresh[0]),
            layers.BatchNormalization(momentum=0.9, **normalization),
            layers.Flatten(),
            layers.Dense(CLASSES, kernel_initializer=fresh[1]),
        ]
    )


@pytest.mark.parametrize("build", [normalized, convolutional, partial(convolutional, scale=False)])
def test_moving_statistics_are_those_of_keras(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    config = config_of(optimizer="sgd", batch_size=NUMBER, epochs=4, schedule="constant", warmup=0.0)
    ours, theirs = build(), build()
    trained(config, tmp_path, ours)
    theirs.compile(
        keras.optimizers.SGD(config.learning_rate, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    theirs.fit(*arrays(NUMBER), batch_size=NUMBER, epochs=4, shuffle=False, verbose=0)
    (norm,) = (layer for layer in ours.layers if isinstance(layer, layers.BatchNormalization))
    assert np.abs(norm.moving_mean.numpy()).max() > 0.01
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(mine, other, atol=1e-5)


def test_moving_statistics_are_averaged_with_the_weights(tmp_path: Path) -> None:
    """Without momentum they are those of the last batch, so an average of the first layer's outputs is an average."""
    last, mean = (normalized(momentum=0.0) for _ in range(2))
    for model, ema in ((last, 0.0), (mean, 0.9)):
        trained(config_of(batch_size=NUMBER, epochs=6, ema=ema), tmp_path / str(ema), model)
    inputs, dense, norm = arrays(NUMBER)[0], mean.layers[0], mean.layers[1]
    kernel, bias = dense.get_weights()
    # each step's mean is of the weights before it: the average lags one step behind that of the averaged weights
    assert np.abs(norm.moving_mean.numpy() - (inputs @ kernel + bias).mean(axis=0)).max() < 0.1
    assert not np.allclose(norm.moving_mean.numpy(), last.layers[1].moving_mean.numpy(), atol=0.005)


@pytest.mark.parametrize("strategy", list(DistributionStrategy))
@pytest.mark.parametrize("optimizer", ["adam", "sam"])
def test_a_resumed_fit_comes_to_the_same_bits(
    optimizer: str, strategy: DistributionStrategy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_etc.fit.plain.devices", lambda: ["CPU:0", "CPU:0"])
    decay = 0.1 * (optimizer == "sam")
    config = config_of(optimizer=optimizer, epochs=3, ema=0.9, weight_decay=decay, strategy=strategy)
    whole = trained(config, tmp_path / "whole", normalized(0.5))
    with pytest.raises(StoppedError):
        trained(config, tmp_path / "stopped", normalized(0.5), stop=True)
    resumed = trained(config, tmp_path / "stopped", normalized(0.5))
    assert resumed == whole
    assert trained(config, tmp_path / "again", normalized(0.5)) == whole
    assert trained(config, tmp_path / "without", normalized(0.0)) != whole


def test_each_step_draws_its_own_mask(tmp_path: Path) -> None:
    model = keras.Sequential([layers.Input((4,)), layers.Dropout(0.5, seed=1), layers.Dense(CLASSES)])
    trained(config_of(epochs=2, batch_size=4), tmp_path, model)
    (seed,) = (variable for variable in model.variables if "seed" in variable.path)
    assert seed.numpy().tolist() == [1, 8]
