"""Asks, learns, asks again: a regression on features first, then the network, each the other's teacher."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.labels.spreading import Graph, build_graph
from mnist_etc.labels.strategies.pool import Choice, Pool
from mnist_etc.labels.strategies.registry import ask
from mnist_etc.models.views import answering
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.training.few_labels.features import Components, Network, applied, compiled, scattering
from mnist_etc.training.few_labels.questions import Questions
from mnist_etc.training.few_labels.rounds import Learned
from mnist_etc.training.few_labels.schedule import Schedule
from mnist_etc.training.few_labels.student import Lesson, fit_student
from mnist_etc.training.few_labels.teacher import Regression, agreed, spread

__all__ = ["Learner", "checkpoint_of"]

Array = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
CODE = 128
"""Components of what the network's last layer reads, for the next questions and the next regression."""

ALONE = 5
"""Labels a class below which the graph knows more than the regression, and teaches alone."""


class Learner:
    """Of one training.

    Args:
        model: the network, image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``; fitted in place.
        config: of the network and its fit.
        settings: of the labels.
        images: of the pool, uint8 ``(n, side, side)``.
        questions: answers them.
        classes: how many there are.
        seed: of choices, of the order of images and of their views.
    """

    def __init__(
        self,
        model: keras.Model,
        config: ZooConfig,
        settings: LabelsConfig,
        images: Images,
        questions: Questions,
        *,
        classes: int,
        seed: int,
    ) -> None:
        self._model, self._config, self._settings, self._images = model, config, settings, images
        self._questions, self._classes, self._seed = questions, classes, seed
        self._last_seen: tuple[Images, Array] | None = None

    def learn(
        self, checkpoint: Callable[[int, Numbers, Numbers], Checkpoint], tell: Callable[[Learned], None], **last: Any
    ) -> list[Metrics]:
        """Spend the budget, and fit the network to what it bought.

        Args:
            checkpoint: of a fit of the network by its number, and of the labels that it knows.
            tell: called after each round.
            last: what the last fit calls; see `fit_student`.

        Returns:
            The metrics of each epoch of the last fit.

        Raises:
            LabelError: the database cannot answer, or nobody waits for people who have yet to.
            TrainingError: a fit diverged.
        """
        schedule = Schedule.of(self._settings)
        teacher: Array | None = None
        for count in schedule.by_regression:
            asked, labels = self._reach(count, self._features, teacher)
            regression = Regression(self._features[asked], labels, self._classes)
            teacher = self._taught_by_neighbours(regression.of(self._features), asked, labels)
            tell(Learned(by="regression", asked=asked, labels=labels, classify=self._by(regression)))
        assert teacher is not None, "a schedule begins with the regression"
        history: list[Metrics] = []
        for number, count in enumerate(schedule.by_network):
            if number:
                asked, labels, teacher = self._taught_by_itself(count, teacher)
            final = number == len(schedule.by_network) - 1
            history = fit_student(
                self._model,
                Lesson.of(self._images, teacher, asked, labels, self._settings),
                self._config,
                epochs=self._config.epochs if final else self._settings.lesson_epochs,
                seed=self._seed + number,
                label=f"network, {count:,} labels",
                checkpoint=checkpoint(number, asked, labels),
                **(last if final else {}),
            )
            tell(Learned(by="network", asked=asked, labels=labels, classify=lambda one: self.logits(one).argmax(1)))
        return history

    def logits(self, images: Images) -> Array:
        """What the finished network says of images uint8 ``(n, side, side)``: ``(n, classes)``."""
        return applied(self._answer, images)

    def codes(self, images: Images) -> Array:
        """What its last layer reads, ``(n, d)``."""
        return applied(self._code, images)

    @cached_property
    def _answer(self) -> Network:
        return compiled(answering(self._config, self._model))

    @cached_property
    def _code(self) -> Network:
        return compiled(_before_logits(self._model))

    @cached_property
    def _components(self) -> Components:
        return Components(scattering(self._images.shape[1]), self._images, self._settings.components)

    @cached_property
    def _features(self) -> Array:
        return self._components.of(self._images)

    @cached_property
    def _graph(self) -> Graph:
        return build_graph(self._features)

    def _taught_by_neighbours(self, regressed: Array, asked: Numbers, labels: Numbers) -> Array:
        """What the regression and, where labels are few, the graph of nearest neighbours say together."""
        if len(asked) > self._settings.graph * self._classes:
            return regressed
        told = spread(self._graph, asked, labels, self._classes, balanced=self._settings.balanced)
        return told if len(asked) < ALONE * self._classes else agreed([regressed, told])

    def _taught_by_itself(self, count: int, before: Array) -> tuple[Numbers, Numbers, Array]:
        """Ask what the network and its teacher waver on; the labels, and what the next teacher says of all images."""
        own = self._probabilities()
        code = Components(self._code, self._images, CODE).of(self._images)
        features = np.concatenate([self._features, code], axis=1)
        asked, labels = self._reach(count, features, agreed([before, own]))
        regression = Regression(features[asked], labels, self._classes)
        return asked, labels, agreed([before, regression.of(features), own])

    def _probabilities(self) -> Array:
        """The network's, ``(n, classes)``; where it was shown mirrored images, the mean of both views."""
        images, mirrored = self._images, self._config.augment and self._config.augmentation.flip
        views, own = [images, images[:, :, ::-1]] if mirrored else [images], compiled(self._model)
        return np.asarray(np.mean([_softmax(applied(own, view)) for view in views], axis=0))

    def _reach(self, count: int, features: Array, probabilities: Array | None) -> tuple[Numbers, Numbers]:
        def choose(asked: Numbers, labels: Numbers, barred: Numbers, more: int) -> tuple[str, Choice]:
            pool = Pool(
                features=features,
                asked=asked,
                labels=labels,
                probabilities=probabilities,
                classes=self._classes,
                seed=self._seed,
                barred=barred,
            )
            return ask(self._settings.strategy, pool, more, labels=count)

        return self._questions.reach(count, choose)

    def _by(self, regression: Regression) -> Callable[[Images], Numbers]:
        def classify(images: Images) -> Numbers:
            if self._last_seen is None or self._last_seen[0] is not images:
                self._last_seen = images, self._components.of(images)
            return np.asarray(regression.of(self._last_seen[1]).argmax(axis=1))

        return classify


def checkpoint_of(path: Path, settings: dict[str, Any], asked: Numbers, labels: Numbers) -> Checkpoint:
    """The state of a fit that belongs to these very labels."""
    known = hashlib.sha256(np.stack([asked, labels]).astype("<i8").tobytes()).hexdigest()
    return Checkpoint(path, {**settings, "labels": known})


def _before_logits(model: keras.Model) -> keras.Model:
    """Image to what the last layer reads."""
    return keras.Model(model.inputs[0], model.layers[-1].input)


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
