"""What a fit does to the weights, step by step, against the same written out in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray
from toy_fits import CLASSES, arrays, config_of

from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.task import Task
from mnist_etc.models.losses import cross_entropy
from mnist_etc.models.zoo_config import ZooConfig

SEED = 3
Values = NDArray[np.float64]
Gradient = Callable[[Values], Values]


def dense() -> keras.Model:
    kernel = keras.initializers.GlorotUniform(1)
    return keras.Sequential([layers.Input((4,)), layers.Dense(CLASSES, kernel_initializer=kernel)])


def fitted(config: ZooConfig, folder: Path) -> Values:
    """Kernel and bias of `dense` after the fit, in one vector."""
    model = dense()
    task = Task(label="dense", model=model, arrays=list(arrays()), loss=cross_entropy)
    checkpoint = Checkpoint(folder / "checkpoint.npz", {})
    fit(PlainSteps(task, config, SEED), checkpoint=checkpoint, evaluate=lambda _: {}, report=lambda *_: None)
    return np.concatenate([value.ravel() for value in model.get_weights()]).astype(float)


def by_hand(config: ZooConfig, step: Callable[[Values, Gradient, float, int], Values]) -> list[Values]:
    """The weights after each step; ``step`` takes weights, gradient of the batch, rate and the step's number from 1."""
    inputs, labels = arrays()
    steps = -(-len(inputs) // config.batch_size)
    total = steps * config.epochs
    warmup = int(config.warmup * total)
    weights = np.concatenate([value.ravel() for value in dense().get_weights()]).astype(float)
    path = []
    for number in range(total):
        epoch, place = divmod(number, steps)
        batch = np.random.default_rng([SEED, epoch + 1]).permutation(len(inputs))[place * config.batch_size :]
        batch = batch[: config.batch_size]

        def gradient(at: Values, batch: NDArray[np.int64] = batch) -> Values:
            kernel, bias = at[: 4 * CLASSES].reshape(4, CLASSES), at[4 * CLASSES :]
            odds = np.exp(inputs[batch] @ kernel + bias)
            error = odds / odds.sum(axis=1, keepdims=True) - np.eye(CLASSES)[labels[batch]]
            return np.concatenate([(inputs[batch].T @ error).ravel(), error.sum(axis=0)]) / len(batch)

        part = number / warmup if number < warmup else (1 + np.cos(np.pi * (number - warmup) / (total - warmup))) / 2
        weights = step(weights, gradient, config.learning_rate * part, number + 1)
        path.append(weights)
    return path


def adam() -> Callable[[Values, float, int], Values]:
    """By how much a gradient moves the weights."""
    first, second = np.zeros(5 * CLASSES), np.zeros(5 * CLASSES)

    def move(gradient: Values, rate: float, number: int) -> Values:
        nonlocal first, second
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        return -rate * (first / (1 - 0.9**number)) / (np.sqrt(second / (1 - 0.999**number)) + 1e-7)

    return move


def momentum(*, nesterov: bool) -> Callable[[Values, float, int], Values]:
    speed = np.zeros(5 * CLASSES)

    def move(gradient: Values, rate: float, _: int) -> Values:
        nonlocal speed
        speed = 0.9 * speed - rate * gradient
        return 0.9 * speed - rate * gradient if nesterov else speed

    return move


MOVES: dict[str, Callable[[], Callable[[Values, float, int], Values]]] = {
    "adam": adam,
    "adamw": adam,
    "sam": adam,
    "sgd": lambda: momentum(nesterov=False),
    "sam_sgd": lambda: momentum(nesterov=True),
}


@pytest.mark.parametrize("optimizer", MOVES)
def test_each_optimizer_moves_as_written_out(optimizer: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"nesterov": optimizer == "sam_sgd"}
    if optimizer != "adam":
        changes["weight_decay"] = 0.3
    if optimizer.startswith("sam"):
        changes["rho"] = 0.7
    config = config_of(optimizer=optimizer, **changes)
    move = MOVES[optimizer]()

    def step(weights: Values, gradient: Gradient, rate: float, number: int) -> Values:
        slope = gradient(weights)
        if optimizer.startswith("sam"):
            slope = gradient(weights + 0.7 * slope / np.linalg.norm(slope))
        kernel = np.arange(5 * CLASSES) < 4 * CLASSES
        return weights * (1 - rate * config.weight_decay * kernel) + move(slope, rate, number)

    assert np.allclose(fitted(config, tmp_path), by_hand(config, step)[-1], rtol=1e-4, atol=1e-5)


def test_the_running_average_is_of_all_steps_by_age_and_of_nothing_else(tmp_path: Path) -> None:
    config, move = config_of(optimizer="sgd", ema=0.8), momentum(nesterov=False)
    path = by_hand(config, lambda weights, gradient, rate, number: weights + move(gradient(weights), rate, number))
    share = 0.8 ** np.arange(len(path))[::-1]
    assert np.allclose(fitted(config, tmp_path), np.average(path, axis=0, weights=share), rtol=1e-4, atol=1e-5)
    assert not np.allclose(path[-1], np.average(path, axis=0, weights=share), rtol=1e-2)
