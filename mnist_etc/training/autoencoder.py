"""The training of the autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, scale_pixels
from mnist_etc.errors import TrainingError
from mnist_etc.models.config import AutoencoderConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.recipe import EXAMPLES, Fitted, Published, fit_task
from mnist_etc.training.units import count_units, to_train_on

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from mnist_etc.fit.checkpoint import Checkpoint, Metrics
    from mnist_etc.fit.task import Task

__all__ = ["AutoencoderTraining", "autoencoder_task"]

SAMPLES = 100
"""Images of codes drawn by chance that are shown."""


class AutoencoderTraining:
    """See `mnist_etc.training.recipe.Training`; its figures are ``validation_mse`` and ``test_mse``.

    Both are the mean squared error a pixel on [0, 1].

    Args:
        run: data, seed, privacy and folder.
        config: of the autoencoder.
        dataset: fitted to its training images; measured on the others.
    """

    name = "autoencoder"

    def __init__(self, run: RunConfig, config: AutoencoderConfig, dataset: Dataset) -> None:
        self._run, self._config, self._dataset = run, config, to_train_on(dataset, run.privacy, private=config.private)
        self._folder = ArtifactFolder.of(run)
        self.outputs: tuple[Artifact, ...] = (self._folder.autoencoder(config),)
        self.settings: Mapping[str, Any] = fingerprint(run, config)
        self.sources: Mapping[str, str] = {}

    def plan(self) -> PrivacyPlan:
        """See `mnist_etc.training.recipe.Training`."""
        units, unit = count_units(self._dataset.train)
        return PrivacyPlan.for_autoencoder(self._config, self._run.privacy, units, unit=unit)

    def fit(self, plan: PrivacyPlan, checkpoint: Checkpoint, tracker: Tracker) -> Fitted:
        """See `mnist_etc.training.recipe.Training`; writes example pictures after each epoch."""
        from mnist_etc.evaluation.pictures import file_words, first_of_each_class, write_pairs, write_samples
        from mnist_etc.models.registry import AUTOENCODERS
        from mnist_etc.training.features import codes_of
        from mnist_etc.training.pretraining import pretrain

        validation, config, folder = self._dataset.validation, self._config, self._folder
        row = AUTOENCODERS[config.model]
        model = row.network(config, self._run.seed, self._dataset.side)
        fitted = row.fitted(config, model, self._run.seed)
        shown = first_of_each_class(validation.labels)
        originals, safe = scale_pixels(validation.images[shown]), file_words(validation.names)
        names = [safe[label] for label in validation.labels[shown]]
        drawn = np.random.default_rng(self._run.seed).standard_normal((SAMPLES, config.hid_dim), np.float32)

        def evaluate(epoch: int) -> Metrics:
            if not (error := _mse(model, validation.images)) < 1:
                raise TrainingError(
                    "Expected a validation_mse of the autoencoder below 1, that of a blank image at worst; received "
                    f"{error:.3g} after epoch {epoch}. Pass a lower learning_rate."
                )
            write_pairs(folder.examples(config, epoch), names, originals, model(originals).numpy())
            if row.generates:
                write_samples(folder.examples(config, epoch), model.get_layer("decoder")(drawn).numpy())
            return {"validation_mse": error} | row.measured(fitted, validation.images)

        def report(epoch: int, metrics: Metrics) -> None:
            tracker.metrics(metrics, epoch)
            tracker.pictures(folder.examples(config, epoch), epoch)

        task_on = partial(autoencoder_task, config, fitted)
        if config.pretraining_epochs:
            pretrain(task_on, config, self._run.seed, self._dataset.side)
        task = task_on(self._dataset.train.images, self._dataset.train.owners)
        history = fit_task(task, config, self._run, plan, checkpoint, evaluate=evaluate, report=report)
        figures = {
            "validation_mse": history[-1]["validation_mse"],
            "test_mse": _mse(model, self._dataset.test.images),
        }
        tracker.codes("code", lambda: codes_of(model.get_layer("encoder"), validation))
        examples = scale_pixels(validation.images[:EXAMPLES])
        published = Published(
            name=self.name, artifact=self.outputs[0], network=model, examples=examples, classifies=False
        )
        return Fitted(history=history, figures=figures, published=(published,))


def autoencoder_task(
    config: AutoencoderConfig,
    model: keras.Model,
    images: npt.NDArray[np.uint8],
    owners: npt.NDArray[np.int64] | None = None,
) -> Task:
    """The fit of ``model`` to uint8 images ``(n, side, side)``, by the loss of its architecture.

    It is what `mnist_etc.models.registry.Architecture.fitted` gives; the gradient passes straight through a clip at its
    end. Of the images' ``owners`` see `mnist_etc.fit.task.Task`.
    """
    from mnist_etc.fit.task import Task
    from mnist_etc.models.clip import before_clip, clip_straight_through, ends_in_clip
    from mnist_etc.models.losses import LOSSES
    from mnist_etc.models.registry import AUTOENCODERS

    row = AUTOENCODERS[config.model]
    loss = partial(LOSSES[row.loss], **row.settings(config))
    if row.trains or not ends_in_clip(model):
        return Task(label="autoencoder", model=model, arrays=[images], loss=loss, owners=owners)

    def clipped(predict: Callable[[tf.Tensor], tf.Tensor], batch: tf.Tensor) -> tf.Tensor:
        return loss(lambda inputs: clip_straight_through(predict(inputs)), batch)

    return Task(label="autoencoder", model=before_clip(model), arrays=[images], loss=clipped, owners=owners)


def _mse(model: keras.Model, images: npt.NDArray[np.uint8]) -> float:
    from mnist_etc.models.answers import in_parts

    total = sum(float(np.square(said - shown, dtype=np.float64).sum()) for shown, said in in_parts(model, images))
    return total / images.size
