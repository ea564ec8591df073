"""TensorFlow's strategies under Keras 3 on the zoo's ``cnn``: what runs, how fast, and how near to one replica.

`MirroredStrategy` gets two logical CPUs of this machine, `MultiWorkerMirroredStrategy` two processes of it. All see the
same batches of 128 images, three epochs of 8,192 after one to warm up. Below them this package's own loop, with and
without ``model.strategy=mirrored``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ROOT, machine, progress, table, versions, write_results

IMAGES, BATCH, EPOCHS = 8192, 128, 3
NAMES = {
    "one": "Keras' `fit`",
    "mirrored": "Keras' `fit`, `MirroredStrategy`",
    "workers": "Keras' `fit`, `MultiWorkerMirroredStrategy`",
    "own_one": "`model.strategy=one`",
    "own_mirrored": "`model.strategy=mirrored`",
}


def main() -> None:
    """Measure and write ``benchmarks/results/strategies.md``; with arguments, be one of its children."""
    if len(sys.argv) > 1:
        train(sys.argv[1], Path(sys.argv[2]))
        return
    here = machine()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [row(name, Path(scratch)) for name in NAMES]
    write_results(
        "strategies",
        "More than one replica in training",
        {"machine": here, "versions": versions("tensorflow", "keras")},
        f"`cnn`, {EPOCHS} epochs of {IMAGES:,} images in batches of {BATCH} by SGD, after one to warm up. All share "
        "the cores of this machine: two logical CPUs, or two processes. The difference is the greatest of any weight "
        "to that of one replica trained by the same loop, after the first epoch; batch normalization, which sees half "
        "of a batch, makes it. Speeds are of one run each. Keras' rows compare with each other, and so do the last "
        "two, which are of this package's loop: momentum, and another order in each epoch.",
        table(["strategy", "replicas", "images/s", "greatest difference", "error"], rows),
    )


def row(name: str, scratch: Path) -> list[str]:
    """Train in children, as many as the strategy has workers."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"type": "worker", "index": index} for index in range(2)] if name == "workers" else [None]
    children = []
    for index, task in enumerate(tasks):
        config = {} if task is None else {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        log = (scratch / f"{name}{index}.log").open("w")
        command = [sys.executable, __file__, name, str(scratch)]
        environment = os.environ | config | {"PYTHONPATH": str(ROOT)}
        children.append(subprocess.Popen(command, cwd=scratch, env=environment, stdout=log, stderr=log))
    codes = [child.wait() for child in children]
    said = (scratch / f"{name}0.log").read_text().splitlines()
    if any(codes):
        progress("\n".join(said))
        return [NAMES[name], str(len(tasks)), "", "", next(line for line in said if "Error: " in line)]
    figures = json.loads((scratch / f"{name}.json").read_text())
    return [NAMES[name], figures["replicas"], figures["speed"], figures["difference"], ""]


def train(name: str, scratch: Path) -> None:
    """Train by one strategy, and leave its figures in ``scratch``."""
    import numpy as np
    import tensorflow as tf

    if name.endswith("mirrored"):
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    kind, _, strategy = name.rpartition("_")
    replicas, weights, speed = train_by_own_loop(strategy) if kind else train_by_keras(name)
    reference = scratch / f"{kind}one.npz"
    if not reference.exists():
        np.savez(reference, *weights)
    with np.load(reference) as one:
        difference = max(float(np.abs(a - b).max()) for a, b in zip(weights, one.values(), strict=True))
    figures = {"replicas": str(replicas), "speed": f"{speed:,.0f}", "difference": f"{difference:.1e}"}
    (scratch / f"{name}.json").write_text(json.dumps(figures))


def train_by_keras(name: str) -> tuple[int, list[Any], float]:
    """How many replicas there were, the weights after an epoch, and images a second of the others."""
    import numpy as np
    import tensorflow as tf

    if name == "workers":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif name == "mirrored":
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    else:
        strategy = tf.distribute.get_strategy()
    import keras

    from mnist_etc.artifacts.config import SupervisedCommand
    from mnist_etc.composition import compose
    from mnist_etc.models.cnn import build_cnn

    images = np.random.default_rng(0).random((IMAGES, 28, 28, 1), dtype=np.float32)
    data = tf.data.Dataset.from_tensor_slices((images, np.arange(IMAGES) % 10)).batch(BATCH)
    with strategy.scope():
        model = build_cnn(compose("supervised", SupervisedCommand, ["model=cnn"]).model, 0, 28, 10)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
    model.fit(data, verbose=0)
    weights = model.get_weights()
    began = time.perf_counter()
    model.fit(data, epochs=EPOCHS, verbose=0)
    return strategy.num_replicas_in_sync, weights, EPOCHS * IMAGES / (time.perf_counter() - began)


def train_by_own_loop(strategy: str) -> tuple[int, list[Any], float]:
    """The same of this package's loop."""
    import numpy as np

    from mnist_etc.artifacts.config import SupervisedCommand
    from mnist_etc.composition import compose
    from mnist_etc.fit.plain import PlainSteps
    from mnist_etc.fit.task import Task
    from mnist_etc.models.cnn import build_cnn
    from mnist_etc.models.losses import image_loss

    fit = {"strategy": strategy, "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "warmup": 0}
    words = [f"model.{key}={value}" for key, value in (fit | {"batch_size": BATCH, "epochs": 1 + EPOCHS}).items()]
    config = compose("supervised", SupervisedCommand, ["model=cnn", *words]).model
    model = build_cnn(config, 0, 28, 10)
    loss = image_loss("nll", label_smoothing=0.0, logits_a_length=None, reconstruction_weight=0.0)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    task = Task(label="cnn", model=model, arrays=[images, np.arange(IMAGES) % 10], loss=loss)
    steps = PlainSteps(task, config, 0)
    steps.run(1, lambda *_: None)
    steps.weights.to_model()
    weights = model.get_weights()
    began = time.perf_counter()
    for epoch in range(2, 2 + EPOCHS):
        steps.run(epoch, lambda *_: None)
    return 2 if strategy == "mirrored" else 1, weights, EPOCHS * IMAGES / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
