"""A private fit of a linear head on drawn numbers, in this process."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from mnist_etc.fit import private
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.loop import fit
from mnist_etc.fit.task import Task
from mnist_etc.models.config import UNVARIED, ClassifierConfig
from mnist_etc.models.losses import cross_entropy
from mnist_etc.privacy.config import Accountant, PrivacyConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.privacy.unit import Unit

IMAGES, BATCH, EPOCHS = 200, 20, 2
SETTINGS = {"sources": {"encoder.h5": "0" * 64}}


def trained(
    checkpoint: Checkpoint,
    kind: str = "fast",
    seed: int | None = None,
    evaluate: Callable[[int], Metrics] = lambda _: {},
    units: int = 10,
    spoiled: float | None = None,
    owners: np.ndarray | None = None,
    gone: int | None = None,
    report: Callable[[int, Metrics], None] = lambda *_: None,
) -> list[Metrics]:
    """The metrics of each epoch."""
    config = ClassifierConfig(
        augment=False,
        augmentation=UNVARIED,
        fine_tune=False,
        features="code",
        epochs=EPOCHS,
        private=True,
        l2_norm_clip=1.0,
        hidden_units=[],
        batch_size=BATCH,
        optimizer="sgd",
        learning_rate=0.1,
        warmup=0,
    )
    privacy = PrivacyConfig(
        target_epsilon=None,
        noise_multiplier=1.0,
        delta=1e-3,
        accountant=Accountant.rdp,
        engine=kind,
        autoencoder_share=0.5,
        whitening_share=0.1,
        images_per_owner=4,
        seed=seed,
    )
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(IMAGES, 6)).astype(np.float32), np.arange(IMAGES) % 10]
    if spoiled is not None:
        arrays[0][3] = spoiled
    if owners is not None and gone is not None:
        arrays[0][owners == gone] = np.nan  # counts as zero
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((6,)), layers.Dense(units)])
    task = Task(label="head", model=model, arrays=arrays, loss=cross_entropy, owners=owners)
    people, unit = (IMAGES, Unit.image) if owners is None else (int(owners.max()) + 1, Unit.person)
    plan = PrivacyPlan.of_training("head", config, privacy, people, unit=unit).identified(SETTINGS)
    seeds = Seeds(*checkpoint.secret(plan.seeds))
    steps = private.PrivateSteps(task, config, plan, seeds)
    return fit(steps, checkpoint=checkpoint, evaluate=evaluate, report=report)
