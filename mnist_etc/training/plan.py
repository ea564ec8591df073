"""What a training will promise about its training images: planned and said before TensorFlow loads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.privacy.guarantee import Stage, guarantee, no_guarantee, plan, plan_whitening
from mnist_etc.training.features import Source

__all__ = ["checkpoint_key", "name_of_epsilon", "promise_of_autoencoder", "promise_of_classifier"]

Promise = tuple[list[Stage], dict[str, Any]]
"""The private stages up to the training in question, none where it is not private, and the words for the manifest."""


def promise_of_autoencoder(run: RunConfig, config: AutoencoderConfig, examples: int) -> Promise:
    """Of the autoencoder alone, on so many training images.

    Raises:
        ConfigError: no noise multiplier keeps to the privacy budget.
    """
    if not config.private:
        return [], no_guarantee([], "trained without DP-SGD")
    stages = [plan("autoencoder", config, run.privacy, examples, share=run.privacy.autoencoder_share)]
    return _said(stages, guarantee(stages, run.privacy))


def promise_of_classifier(run: RunConfig, config: ClassifierConfig, source: Source, examples: int) -> Promise:
    """Of the classifier with all that its features rest on.

    Raises:
        ConfigError: no noise multiplier keeps to the privacy budget.
    """
    if not config.private:
        reason = "the classifier was trained without DP-SGD on the same images"
        return [], no_guarantee(source.stages, reason if source.stages else "trained without DP-SGD")
    before = [*source.stages, plan_whitening(run.privacy, examples)]
    stages = [*before, plan("classifier", config, run.privacy, examples, before=before)]
    promise = guarantee(stages, run.privacy)
    if source.weights is not None and not source.stages:
        reason = "the autoencoder was trained without DP-SGD on the same images (the classifier alone: "
        promise = no_guarantee(stages, f"{reason}{promise['words']})")
    return _said(stages, promise)


def name_of_epsilon(promise: Mapping[str, Any]) -> str:
    """What a private training calls the epsilon it has spent: that of the model only where the promise states one."""
    name: str = promise["stages"][-1]["name"] if promise["stages"] else "training"
    return f"epsilon_of_{name}_alone" if promise["epsilon"] is None else "epsilon"


def checkpoint_key(
    settings: Mapping[str, Any], dataset_sha256: str, stages: Sequence[Stage], sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a checkpoint belongs to, as plain JSON types.

    A private training on another encoder, or of another plan, is one of its own: it shares neither weights nor seeds.

    Args:
        settings: what `mnist_etc.artifacts.fingerprint.configuration` returned.
        dataset_sha256: of the data.
        stages: private ones up to this training.
        sources: sha256 of each file the training starts from, by name.
    """
    return {
        "configuration": dict(settings),
        "dataset_sha256": dataset_sha256,
        "sources": dict(sources or {}),
        "stages": [dataclasses.asdict(stage) for stage in stages],
    }


def _said(stages: list[Stage], promise: dict[str, Any]) -> Promise:
    print(f"{stages[-1].name}  privacy of the training images will be: {promise['words']}", flush=True)
    return stages, promise
