"""``python -m train_.few_labels``: a training from few labels, as `mnist_etc.training.recipe` runs one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import FewLabelsCommand
from mnist_etc.artifacts.fingerprint import zoo_fingerprint
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.data import Dataset, Split, scale_pixels
from mnist_etc.data.dataset import spread
from mnist_etc.evaluation.confusion_picture import confusion_pixels
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.labels.pool import PoolImages
from mnist_etc.models.zoo import ZOO
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.codes import Codes
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.few_labels.questions import Questions
from mnist_etc.training.few_labels.rounds import Reporter
from mnist_etc.training.recipe import EXAMPLES, Fitted, Published

if TYPE_CHECKING:
    from mnist_etc.fit.checkpoint import Checkpoint, Metrics
    from mnist_etc.training.few_labels.learner import Learner

__all__ = ["FewLabelsTraining", "unlabelled"]

UNKNOWN = -1
"""In place of a label that was not asked for."""
FAMILIAR = 5000
"""Images by which it is measured how the model answers what it knows."""


def unlabelled(pool: PoolImages, test: Split) -> Dataset:
    """The data of a training that asks for its labels: all images of ``pool``, of none of which a label is known."""
    train = Split(pool.images, np.full(len(pool.images), UNKNOWN, np.int64), names=pool.names)
    return Dataset(
        train=train,
        validation=train.some(np.zeros(0, np.int64)),
        test=test,
        sha256=pool.dataset,
        training_sha256=pool.dataset,
        images_sha256=pool.dataset,
    )


class FewLabelsTraining:
    """See `mnist_etc.training.recipe.Training`; figures are ``test_accuracy`` and ``test_macro_f1``.

    With ``labels.validation`` also ``validation_accuracy``, on the labels that were asked for it.

    Args:
        command: of which model, of how many labels.
        dataset: `unlabelled`.
        questions: how labels come to be known.
    """

    name = "few_labels"

    def __init__(self, command: FewLabelsCommand, dataset: Dataset, questions: Questions) -> None:
        self._command, self._dataset, self._questions = command, dataset, questions
        self._folder = RunFolder.of(command, command.model, command.labels)
        self.outputs: tuple[Artifact, ...] = (self._folder.full_model,)
        self.settings: Mapping[str, Any] = zoo_fingerprint(command, command.model, command.labels)
        self.sources: Mapping[str, str] = {}

    def plan(self) -> PrivacyPlan:
        """See `mnist_etc.training.recipe.Training`."""
        return PrivacyPlan.not_private()

    def fit(self, plan: PrivacyPlan, checkpoint: Checkpoint, tracker: Tracker) -> Fitted:  # noqa: ARG002
        """See `mnist_etc.training.recipe.Training`.

        Raises:
            LabelError: the database cannot answer.
            TrainingError: a fit diverged.
        """
        from mnist_etc.fit.replicas import devices
        from mnist_etc.models.views import answering
        from mnist_etc.training.few_labels.learner import Learner, checkpoint_of

        command, train, test = self._command, self._dataset.train, self._dataset.test
        config, folder, settings = command.model, self._folder, checkpoint.settings
        if config.manner().mirrored:
            devices()  # a refusal, before a label is paid
        places, labels = self._questions.validation()
        judged = replace(train.some(places), labels=labels)
        model = ZOO[config.name].network(config, command.seed, train.side, len(train.names))
        learner = Learner(
            model,
            config,
            command.labels,
            train.images,
            self._questions,
            classes=len(train.names),
            seed=command.seed,
        )
        reporter = Reporter(test, tracker, apart=len(judged))

        def evaluate(_: int) -> Metrics:
            if not len(judged):
                return {}
            right = learner.logits(judged.images).argmax(axis=1) == judged.labels
            return {"validation_accuracy": float(np.mean(right))}

        history = learner.learn(
            lambda number, asked, labels: checkpoint_of(folder.fitted(number), settings, asked, labels),
            reporter.report,
            evaluate=evaluate,
            report=lambda epoch, metrics: tracker.metrics(metrics, epoch),
        )
        last = reporter.rounds[-1]
        folder.forget()
        reporter.write(folder)
        if not command.skip_visualizations:
            reporter.draw(folder, command.labels.strategy)
        self._show(learner, tracker)
        some = train.images[spread(len(train), FAMILIAR)]
        published = Published(
            name="full_model",
            artifact=self.outputs[0],
            network=answering(config, model),
            examples=scale_pixels(some[:EXAMPLES]),
        )
        return Fitted(
            history=history,
            figures={**evaluate(0), "test_accuracy": last.accuracy, "test_macro_f1": last.macro_f1},
            published=(published,),
            more={**Familiarity.measure(learner.logits(some)).figures(), "labels": float(last.labels)},
        )

    def _show(self, learner: Learner, tracker: Tracker) -> None:
        """Codes of images, by class, as it was told or as the model answers, and by asked or not; the confusion."""
        from mnist_etc.evaluation.plots.codes import plot_codes, shown_of

        train, test = self._dataset.train, self._dataset.test
        places, labels = self._questions.known()
        shown = shown_of(len(train), places)
        images, asked = train.images[shown], np.flatnonzero(np.isin(shown, places))
        told = dict(zip(places.tolist(), labels.tolist(), strict=True))
        classes = learner.logits(images).argmax(axis=1)
        classes[asked] = [told[place] for place in shown[asked].tolist()]
        codes = cache(lambda: learner.codes(images))
        if not self._command.skip_visualizations:
            path, seed = self._folder.picture("codes"), self._command.seed
            plot_codes(path, codes(), classes, train.names, asked=asked, seed=seed)
        tracker.codes("code", lambda: Codes.asked(codes(), images, classes, train.names, asked))
        tracker.picture(
            "confusion", lambda: confusion_pixels(test.names, test.labels, learner.logits(test.images).argmax(axis=1))
        )
