"""A training from few labels, as `mnist_etc.training.recipe` runs one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import FewLabelsCommand
from mnist_etc.artifacts.fingerprint import zoo_fingerprint
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.data import Dataset, Split, scale_pixels
from mnist_etc.data.dataset import spread
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.labels.pool import Pool
from mnist_etc.models.zoo import ZOO
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.few_labels.questions import Questions
from mnist_etc.training.few_labels.rounds import Reporter
from mnist_etc.training.recipe import EXAMPLES, Fitted, Published

if TYPE_CHECKING:
    from mnist_etc.fit.checkpoint import Checkpoint, Metrics

__all__ = ["FewLabelsTraining", "unlabelled"]

UNKNOWN = -1
"""In place of a label that was not asked for."""


def unlabelled(pool: Pool, test: Split) -> Dataset:
    """The data of a training that asks for its labels: all images of ``pool``, of none of which a label is known."""
    nobody = np.full(len(pool.images), UNKNOWN, np.int64)
    train = Split(pool.images, nobody, names=pool.names)
    return Dataset(
        train=train,
        validation=train.some(np.zeros(0, np.int64)),
        test=test,
        sha256=pool.dataset,
        training_sha256=pool.dataset,
        images_sha256=pool.dataset,
    )


class FewLabelsTraining:
    """See `mnist_etc.training.recipe.Training`; figures are ``test_accuracy``, ``test_macro_f1`` and ``labels``.

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
        from mnist_etc.training.few_labels.learner import Learner, checkpoint_of

        command, images, names = self._command, self._dataset.train.images, self._dataset.names
        judged = replace(self._dataset.train.some(self._questions.apart), labels=self._questions.validation())
        model = ZOO[command.model.name].network(command.model, command.seed, self._dataset.side, len(names))
        learner = Learner(
            model, command.model, command.labels, images, self._questions, classes=len(names), seed=command.seed
        )
        reporter = self._reporter = Reporter(self._dataset.test, tracker, apart=len(judged))

        def evaluate(_: int) -> Metrics:
            if not len(judged):
                return {}
            right = learner.logits(judged.images).argmax(axis=1) == judged.labels
            return {"validation_accuracy": float(np.mean(right))}

        history = learner.learn(
            lambda number, asked, labels: checkpoint_of(
                self._folder.fitted(number), checkpoint.settings, asked, labels
            ),
            reporter.report,
            evaluate=evaluate,
            report=lambda epoch, metrics: tracker.metrics(metrics, epoch),
        )
        last = reporter.rounds[-1]
        reporter.write(self._folder)
        if not command.skip_visualizations:
            reporter.draw(self._folder, command.labels.strategy)
            self._draw_codes(learner, tracker)
        self._folder.forget()
        some = spread(len(images), FAMILIAR)
        known = Familiarity.measure(learner.logits(images[some]))
        examples = scale_pixels(images[spread(len(images), EXAMPLES)])
        return Fitted(
            history=history,
            figures={**evaluate(0), "test_accuracy": last.accuracy, "test_macro_f1": last.macro_f1},
            published=(Published(name="full_model", artifact=self.outputs[0], network=model, examples=examples),),
            more={**known.figures(), "labels": float(last.labels)},
        )

    def _draw_codes(self, learner: Learner, tracker: Tracker) -> None:
        """Where the asked images lie among the others, as a map and, where TensorBoard is, in its projector."""
        from mnist_etc.evaluation.plots.codes import plot_codes, shown_of

        images, names = self._dataset.train.images, self._dataset.names
        asked, labels = self._questions.known()
        shown = shown_of(len(images), asked)
        classes = learner.logits(images[shown]).argmax(axis=1)
        known = np.isin(shown, asked)
        classes[known] = dict(zip(asked.tolist(), labels.tolist(), strict=True))


FAMILIAR = 5000
"""Images by which it is measured how the model answers what it knows."""
