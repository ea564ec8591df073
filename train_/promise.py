"""What a training will promise about its training images: planned and said before TensorFlow loads."""

from __future__ import annotations

from typing import Any

from mnist_etc.config import AutoencoderConfig, ClassifierConfig, RunConfig
from mnist_etc.privacy.guarantee import Stage, guarantee, no_guarantee, plan, plan_whitening
from train_.features import Source

__all__ = ["promise_of_autoencoder", "promise_of_classifier"]

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


def _said(stages: list[Stage], promise: dict[str, Any]) -> Promise:
    print(f"{stages[-1].name}  privacy of the training images will be: {promise['words']}", flush=True)
    return stages, promise
