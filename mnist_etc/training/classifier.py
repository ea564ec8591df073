"""The training of the classifier, on features or from images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, scale_pixels
from mnist_etc.evaluation.confusion_picture import confusion_pixels
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.features import FEATURES
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.features import codes_of, compute, expand, find
from mnist_etc.training.recipe import EXAMPLES, Fitted, Published
from mnist_etc.training.units import count_units, to_train_on

if TYPE_CHECKING:
    from mnist_etc.fit.checkpoint import Checkpoint, Metrics

__all__ = ["ClassifierTraining"]


class ClassifierTraining:
    """See `mnist_etc.training.recipe.Training`; figures are ``validation_accuracy`` and ``test_accuracy``.

    Both are fractions of 1. It publishes the full model, image to logits, beside the classifier of features.

    Args:
        run: data, seed, privacy and folder.
        autoencoder: whose code is read, where it is.
        config: of the classifier.
        dataset: fitted to its training images; measured on the others.

    Raises:
        ArtifactError: there is no finished autoencoder of this configuration.
    """

    name = "classifier"

    def __init__(
        self, run: RunConfig, autoencoder: AutoencoderConfig, config: ClassifierConfig, dataset: Dataset
    ) -> None:
        self._run, self._config, self._dataset = run, config, to_train_on(dataset, run.privacy, private=config.private)
        self._origin = find(run, autoencoder, config, dataset)
        folder = ArtifactFolder.of(run)
        self.outputs: tuple[Artifact, ...] = (
            folder.full_model(autoencoder, config),
            folder.classifier(autoencoder, config),
        )
        self.settings: Mapping[str, Any] = fingerprint(run, autoencoder, config)
        self.sources: Mapping[str, str] = self._origin.sources

    def plan(self) -> PrivacyPlan:
        """See `mnist_etc.training.recipe.Training`."""
        units, unit = count_units(self._dataset.train)
        return PrivacyPlan.for_classifier(
            self._config, self._run.privacy, units, encoder=self._origin.stages, unit=unit
        )

    def fit(self, plan: PrivacyPlan, checkpoint: Checkpoint, tracker: Tracker) -> Fitted:
        """See `mnist_etc.training.recipe.Training`; where the features stay as they are, they are computed once."""
        import keras

        from mnist_etc.models.classifier import build_full_model
        from mnist_etc.models.random_features import after_random_features
        from mnist_etc.training.feature_fit import LabeledFeatures, fit_on_features
        from mnist_etc.training.image_fit import fit_on_images

        def report(epoch: int, metrics: Metrics) -> None:
            tracker.metrics(metrics, epoch)

        run, config, network = self._run, self._config, self._origin.network()
        train, validation, test = self._dataset.train, self._dataset.validation, self._dataset.test
        if config.fine_tune or config.augment:
            classifier, history = fit_on_images(
                run, config, plan, network, train, validation, checkpoint=checkpoint, report=report
            )
        else:
            before = expand(network, config.random_features, run.seed) if config.random_features else None
            reads = keras.Sequential([network, before]) if before else network
            features = [
                LabeledFeatures(compute(reads, split), split.labels, split.owners) for split in (train, validation)
            ]
            classifier, history = fit_on_features(
                run, config, plan, *features, classes=len(train.names), checkpoint=checkpoint, report=report
            )
            if before:
                classifier = after_random_features(before, classifier)
        full = build_full_model(network, classifier)
        images, known = scale_pixels(validation.images[:EXAMPLES]), compute(full, validation)
        predicted = compute(full, test).argmax(axis=1)
        tracker.codes("code", lambda: codes_of(network if FEATURES[config.features].trained else full, validation))
        tracker.picture("confusion", lambda: confusion_pixels(test.names, test.labels, predicted))
        figures = {
            "validation_accuracy": history[-1]["validation_accuracy"],
            "test_accuracy": float(np.mean(predicted == test.labels)),
        }
        return Fitted(
            history=history,
            figures=figures,
            published=(
                Published(name="full_model", artifact=self.outputs[0], network=full, examples=images),
                Published(
                    name="classifier",
                    artifact=self.outputs[1],
                    network=classifier,
                    examples=network(images).numpy(),
                ),
            ),
            more=Familiarity.measure(known).figures(),
        )
