"""This project's steps: ``private_project.py {plain,fast,tensorflow_privacy} {autoencoder,classifier}``.

`mnist_etc.fit.loop.fit` over plain steps or, with the engine named, private ones, as ``train.py`` calls it, checkpoint
after each epoch included.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import private_data
from private_config import config_of
from private_data import CHECKED, HID_DIM, NOISE_MULTIPLIER, Values
from worker import serve

from mnist_etc.backend import load_tensorflow
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import Steps, fit
from mnist_etc.fit.task import Task
from mnist_etc.models.autoencoder import build_autoencoder
from mnist_etc.models.classifier import build_classifier
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.losses import cross_entropy
from mnist_etc.privacy.config import Accountant, PrivacyConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.training.autoencoder import autoencoder_task

KIND, TASK = sys.argv[1:]
PRIVATE = KIND != "plain"
ARRAYS = private_data.arrays(TASK)
EPOCHS = 3


def privacy_of() -> PrivacyConfig:
    """A given noise, a secret seed."""
    return PrivacyConfig(
        target_epsilon=None,
        noise_multiplier=NOISE_MULTIPLIER,
        delta=1e-6,
        accountant=Accountant.pld,
        engine=KIND,
        autoencoder_share=1,
        whitening_share=0.15,
        images_per_owner=20,
        seed=None,
    )


def task_of(config: AutoencoderConfig | ClassifierConfig, images: int) -> Task:
    """The first ``images`` examples and a fresh model."""
    arrays = [array[:images] for array in ARRAYS]
    if isinstance(config, AutoencoderConfig):
        return autoencoder_task(config, build_autoencoder(config), arrays[0])
    return Task(label=TASK, model=build_classifier(config, HID_DIM), arrays=arrays, loss=cross_entropy)


def measure(variant: str, batch_size: int, images: int) -> float:  # noqa: ARG001
    """Three epochs; the first two compile, since samples differ in size, and the third counts."""
    images = images // batch_size * batch_size
    config = config_of(TASK, batch_size=batch_size, epochs=EPOCHS, private=PRIVATE)
    task = task_of(config, images)
    with tempfile.TemporaryDirectory() as folder:
        callbacks: dict[str, Any] = {
            "checkpoint": Checkpoint(Path(folder) / "checkpoint.npz", {}),
            "evaluate": lambda _: {},
            "report": lambda *_: None,
        }
        if PRIVATE:
            from mnist_etc.fit.private import PrivateSteps

            plan = PrivacyPlan.of_training(TASK, config, privacy_of(), images)
            steps: Steps = PrivateSteps(task, config, plan, plan.seeds())
        else:
            from mnist_etc.fit.plain import PlainSteps

            steps = PlainSteps(task, config, seed=0)
        history = fit(steps, **callbacks)
    return history[-1]["images_per_second"]


def check() -> None:
    """The engine's clipped sum against gradients of one example at a time."""
    import tensorflow as tf

    from mnist_etc.privacy.registry import build_engine

    task = task_of(config_of(TASK, batch_size=CHECKED, epochs=1, private=True), CHECKED)
    weights = [tf.convert_to_tensor(variable) for variable in task.model.trainable_variables]
    batch = [tf.constant(array) for array in task.arrays]

    def gradient(number: int) -> Values:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = task.loss(
                lambda inputs: task.model.stateless_call(weights, [], inputs, training=True)[0],
                *(array[number : number + 1] for array in batch),
            )
        return np.concatenate([part.numpy().ravel() for part in tape.gradient(losses, weights)])

    def clipped_sum(clip: float) -> Values:
        engine = build_engine(KIND, task.model, task.loss, l2_norm_clip=clip, noise_multiplier=NOISE_MULTIPLIER, seed=0)
        total = tf.function(engine.clipped_sum, autograph=False)(weights, tf.ones(CHECKED), *batch)
        return np.asarray(total)

    private_data.check(KIND, np.stack([gradient(number) for number in range(CHECKED)]), clipped_sum)


if __name__ == "__main__":
    load_tensorflow()
    if PRIVATE:
        check()
    serve(
        ["fit, private steps" if PRIVATE else "fit, plain steps"],
        ["tensorflow", "keras", *(["tensorflow-privacy"] if KIND == "tensorflow_privacy" else [])],
        measure,
    )
