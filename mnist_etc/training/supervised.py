"""``python -m train_.supervised``: fit a model of the zoo, and all that its release takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig, SupervisedCommand
from mnist_etc.artifacts.fingerprint import zoo_fingerprint
from mnist_etc.artifacts.remedies import flatten, supervised_command, words_of_use
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.artifacts.run_log import logged
from mnist_etc.composition import compose
from mnist_etc.data import Dataset, scale_pixels
from mnist_etc.evaluation.confusion_picture import confusion_pixels
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.export.config import ExportCommand, TritonConfig
from mnist_etc.export.repository import COMMAND, ModelRepository
from mnist_etc.models.zoo import ZOO
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.policy.output_policy import rehearse_policy
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.features import before_logits, codes_of, compute
from mnist_etc.training.pipeline import session
from mnist_etc.training.recipe import EXAMPLES, Fitted, Published, fit_task, run_training
from mnist_etc.training.units import count_units, to_train_on

if TYPE_CHECKING:
    from mnist_etc.fit.checkpoint import Checkpoint, Metrics

__all__ = ["SupervisedTraining", "train_supervised"]


def train_supervised(command: SupervisedCommand) -> float:
    """Fit the model, hold it to the release gates, document it and publish it.

    Returns:
        The validation accuracy, a fraction of 1: what a sweep maximizes.

    Raises:
        ArtifactError: something of another configuration is there, or something cannot be written.
        ConfigError: no noise multiplier keeps to the privacy budget.
        DataError: the data cannot be read.
        ConfigError: the output policy cannot be fitted to so many classes or validation images.
        ExportError: a check of the served graph failed.
        GateError: a release gate failed: the files stay as a candidate, and nothing is published.
        TrainingError: the fit diverged.
    """
    folder, model = RunFolder.of(command, command.model), command.model
    publication = None if command.skip_export else _publication(command)
    with logged(folder.log, command=supervised_command(command, model), quiet=command.quiet):
        with session(command, "train_.supervised", folder.tensorboard, private=model.private) as (dataset, tracker):
            if publication:
                publication = _kept(publication)
                rehearse_policy(publication.policy, dataset.validation.labels, len(dataset.names), dataset.side)
            figures = run_training(SupervisedTraining(command, model, dataset), command, dataset, tracker)
            from mnist_etc.training.release import release

            release(command, dataset, tracker, publication)
    return figures["validation_accuracy"]


def _publication(command: SupervisedCommand) -> ExportCommand:
    """What is asked of ``export`` once the model is trained, composed before: a refusal costs no training."""
    words = [*words_of_use(command, command.model), f"repository={command.repository}"]
    return compose("export", ExportCommand, words)


def _kept(publication: ExportCommand) -> ExportCommand:
    """With the settings of Triton that are in service, which ``tune`` may have found; what they change is printed.

    Raises:
        ArtifactError: the repository cannot be published into.
        ExportError: its ``config.pbtxt`` is none of this project's.
    """
    repository = ModelRepository(Path(publication.repository))
    repository.check()
    served = repository.settings()
    if served is None or served == publication.triton:
        return publication
    new = vars(publication.triton)
    differ = ", ".join(f"{key}={value}" for key, value in flatten(served, (TritonConfig,)).items() if value != new[key])
    print(f"to be published with what {repository.config} has: {differ}; to change it: {COMMAND} triton.<key>=...")
    return replace(publication, triton=served)


class SupervisedTraining:
    """See `mnist_etc.training.recipe.Training`; figures are ``validation_accuracy`` and ``test_accuracy``.

    Args:
        run: data, seed, privacy and folder.
        config: of the model.
        dataset: fitted to its training images; measured on the others.
    """

    name = "supervised"

    def __init__(self, run: RunConfig, config: ZooConfig, dataset: Dataset) -> None:
        self._run, self._config, self._dataset = run, config, to_train_on(dataset, run.privacy, private=config.private)
        self.outputs: tuple[Artifact, ...] = (RunFolder.of(run, config).full_model,)
        self.settings: Mapping[str, Any] = zoo_fingerprint(run, config)
        self.sources: Mapping[str, str] = {}

    def plan(self) -> PrivacyPlan:
        """See `mnist_etc.training.recipe.Training`."""
        if not self._config.private:
            return PrivacyPlan.not_private()
        units, unit = count_units(self._dataset.train)
        return PrivacyPlan.of_training(self.name, self._config, self._run.privacy, units, unit=unit)

    def fit(self, plan: PrivacyPlan, checkpoint: Checkpoint, tracker: Tracker) -> Fitted:
        """See `mnist_etc.training.recipe.Training`."""
        from mnist_etc.fit.task import Task
        from mnist_etc.models.augmentation import augmented
        from mnist_etc.models.losses import image_loss
        from mnist_etc.models.views import answering

        run, config, dataset = self._run, self._config, self._dataset
        row, train, validation = ZOO[config.name], dataset.train, dataset.validation
        model = row.network(config, run.seed, dataset.side, len(dataset.names))
        fitted, whole = row.fitted(config, model, run.seed), answering(config, model)
        loss = image_loss(
            config.loss,
            label_smoothing=config.label_smoothing,
            logits_a_length=row.logits_a_length,
            reconstruction_weight=config.reconstruction_weight or 0.0,
        )

        def evaluate(_: int) -> Metrics:
            right = compute(whole, validation).argmax(axis=1) == validation.labels
            return {"validation_accuracy": float(np.mean(right))}

        task = Task(
            label=config.name,
            model=fitted,
            arrays=[train.images, train.labels],
            loss=loss,
            owners=train.owners if config.private else None,
            augment=partial(augmented, config=config.augmentation) if config.augment else None,
        )
        history = fit_task(
            task,
            config,
            run,
            plan,
            checkpoint,
            evaluate=evaluate,
            report=lambda epoch, metrics: tracker.metrics(metrics, epoch),
        )
        test, predicted = dataset.test, compute(whole, dataset.test).argmax(axis=1)
        tracker.codes("code", lambda: codes_of(before_logits(model), validation))
        tracker.picture("confusion", lambda: confusion_pixels(test.names, test.labels, predicted))
        figures = {
            "validation_accuracy": history[-1]["validation_accuracy"],
            "test_accuracy": float(np.mean(predicted == test.labels)),
        }
        examples = scale_pixels(validation.images[:EXAMPLES])
        published = Published(name="full_model", artifact=self.outputs[0], network=whole, examples=examples)
        known = Familiarity.measure(compute(whole, validation))
        RunFolder.of(run, config).forget()
        return Fitted(history=history, figures=figures, published=(published,), more=known.figures())
