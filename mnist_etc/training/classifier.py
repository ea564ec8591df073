"""Fit the classifier on frozen features: ``python -m train_.classifier [key=value ...]``."""

from __future__ import annotations

import numpy as np

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.fingerprint import configuration
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, scaled
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.autoencoder import EXAMPLES
from mnist_etc.training.features import compute, find
from mnist_etc.training.plan import checkpoint_key
from mnist_etc.training.report import skipped, write_figures

__all__ = ["train_classifier"]


def train_classifier(
    run: RunConfig,
    autoencoder: AutoencoderConfig,
    config: ClassifierConfig,
    dataset: Dataset,
    tracker: Tracker,
) -> dict[str, float]:
    """Fit, evaluate and publish the classifier and the full model; return the figures at once where that is done.

    The features of every image are computed once.

    Returns:
        ``validation_accuracy`` and ``test_accuracy``, fractions of 1.

    Raises:
        ArtifactError: there is no finished autoencoder of this configuration, or something cannot be written.
        ConfigError: no noise multiplier keeps to the privacy budget.
        ExportError: an ONNX file does not answer as its model.
    """
    folder = ArtifactFolder.of(run)
    source = find(run, autoencoder, config, dataset)
    artifact, full = folder.classifier(autoencoder, config), folder.full_model(autoencoder, config)
    settings = configuration(run, autoencoder, config)
    if not run.force and not artifact.checkpoint.exists():
        done = [target.finished(settings, dataset.sha256, source.sources) for target in (full, artifact)]
        if done[0] and done[1]:
            return skipped(artifact, done[1])
    plan = PrivacyPlan.for_classifier(config, run.privacy, len(dataset.train), encoder=source.stages)
    plan.announce()

    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.models.classifier import build_full_model
    from mnist_etc.models.h5 import write_h5
    from mnist_etc.training.classifier_fit import Features, fit_classifier
    from mnist_etc.training.image_fit import fit_on_images

    network = source.network()
    checkpoint = Checkpoint(artifact.checkpoint, checkpoint_key(settings, dataset.sha256, plan.stages, source.sources))
    with tracker.child("classifier"):
        tracker.parameters(settings)
        tracker.tag("privacy", plan.guarantee.words)
        watched = {"checkpoint": checkpoint, "report": lambda epoch, metrics: tracker.metrics(metrics, epoch)}
        if config.fine_tune or config.augment:
            classifier, history = fit_on_images(run, config, network, dataset.train, dataset.validation, **watched)
        else:
            train, validation = (
                Features(values=compute(network, split), labels=split.labels)
                for split in (dataset.train, dataset.validation)
            )
            classifier, history = fit_classifier(run, config, plan, train, validation, **watched)
        full_network = build_full_model(network, classifier)
        images, known = scaled(dataset.validation.images[:EXAMPLES]), compute(full_network, dataset.validation)
        answers = compute(full_network, dataset.test).argmax(axis=1)
        figures = {
            "validation_accuracy": history[-1]["validation_accuracy"],
            "test_accuracy": float(np.mean(answers == dataset.test.labels)),
        }
        results = (
            ("full_model", full, full_network, images),
            ("classifier", artifact, classifier, network(images).numpy()),
        )
        for _, target, trained, inputs in results:
            target.publish(
                {
                    target.h5: lambda path, trained=trained: write_h5(trained, path),
                    target.onnx: lambda path, trained=trained, inputs=inputs: write_onnx(trained, path, inputs),
                },
                settings=settings,
                dataset_sha256=dataset.sha256,
                metrics=figures | Familiarity.measured(known).figures(),
                privacy=plan.guarantee.to_manifest(),
                sources=source.sources,
            )
        write_figures(artifact, figures, history, plan.guarantee)
        checkpoint.remove()
        for name, target, trained, inputs in results:
            answer = trained(inputs[:1]).numpy()
            tracker.model(name, target.onnx, inputs[:1], answer, {"privacy": plan.guarantee.words})
        tracker.metrics(figures)
    return figures
