"""The settings that decide the trained weights: what a manifest states and a checkpoint belongs to."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.data.config import DataConfig
from mnist_etc.data.registry import DATASETS
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.models.config import AugmentationConfig, AutoencoderConfig, ClassifierConfig
from mnist_etc.models.features import FEATURES
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.models.zoo_config import ZooConfig

__all__ = ["fingerprint", "zoo_fingerprint"]

PLACES = ("url", "wait")
"""Keys of ``labels`` that decide no weight."""


def fingerprint(
    run: RunConfig, autoencoder: AutoencoderConfig, classifier: ClassifierConfig | None = None
) -> dict[str, Any]:
    """The settings that decide the trained weights, as plain JSON types; places and names of runs do not.

    Those of an autoencoder that the classifier does not read are left out.
    """
    settings: dict[str, Any] = {"data": _data(run), "seed": run.seed}
    if classifier is None or FEATURES[classifier.features].trained:
        share = run.privacy.autoencoder_share
        own = AUTOENCODERS[autoencoder.model].settings(autoencoder)
        settings["autoencoder"] = _stage(_plain(autoencoder, AutoencoderConfig) | own, run, share)
    if classifier is not None:
        settings["classifier"] = _stage(_of_classifier(classifier), run, 1)
        if (version := FEATURES[classifier.features].version) > 1:
            settings["classifier"]["features_version"] = version
        if classifier.private:
            settings["classifier"]["privacy"]["whitening_share"] = run.privacy.whitening_share
    return settings


def zoo_fingerprint(run: RunConfig, model: ZooConfig, labels: LabelsConfig | None = None) -> dict[str, Any]:
    """The same of a model of the zoo, where labels were asked with how."""
    settings = _plain(model, ZooConfig)
    augmentation = _plain(settings.pop("augmentation"), AugmentationConfig)
    if settings.pop("augment"):
        settings["augmentation"] = augmentation
    settings = {key: value for key, value in settings.items() if value is not None}
    asked = {} if labels is None else {"labels": _labels(labels)}
    return {"data": _data(run), "seed": run.seed, "model": _stage(settings, run, 1), **asked}


def _labels(labels: LabelsConfig) -> dict[str, Any]:
    settings = _plain(labels, LabelsConfig)
    for place in PLACES:
        settings.pop(place, None)
    return settings


def _data(run: RunConfig) -> dict[str, Any]:
    data = _plain(run.data, DataConfig)
    for place in ("root", "train", "test", "image_column", "label_column"):  # what they hold is in the checksum
        data.pop(place, None)
    if not DATASETS[run.data.kind].prepares:
        del data["prepare"]
    owners = DATASETS[run.data.kind].owners
    if "owners" in data:  # the file's content is a part of the dataset's checksum, its name decides nothing
        data["owners"] = owners if data["owners"] == owners else "file"
    return data


def _of_classifier(classifier: ClassifierConfig) -> dict[str, Any]:
    """Without the settings of what is switched off."""
    settings = _plain(classifier, ClassifierConfig)
    augmentation = _plain(settings.pop("augmentation"), AugmentationConfig)
    augment, fine_tune = settings.pop("augment"), settings.pop("fine_tune")
    if augment:
        settings["augmentation"] = augmentation
    return settings | {"fine_tune": True} if fine_tune else settings


def _stage(settings: dict[str, Any], run: RunConfig, share: float) -> dict[str, Any]:
    """With the privacy settings that decide its weights; a seed that was given is one of them, and no secret."""
    if not settings["private"]:
        return {key: value for key, value in settings.items() if key != "l2_norm_clip"}
    privacy, target = run.privacy, run.privacy.target_epsilon
    owners = {} if run.data.owners is None else {"images_per_owner": privacy.images_per_owner}
    return settings | {
        "privacy": {
            "target_epsilon": None if target is None else target * share,
            "noise_multiplier": privacy.noise_multiplier,
            "delta": privacy.delta,
            "accountant": privacy.accountant.value,
            "engine": privacy.engine,
            "seed": privacy.seed,
            **owners,
        }
    }


def _plain(config: Any, schema: type) -> dict[str, Any]:
    """Without what the schema itself has a default for: a key that came later changes no earlier fingerprint."""
    fields = [field for field in dataclasses.fields(schema) if getattr(config, field.name) != field.default]
    values = {field.name: getattr(config, field.name) for field in fields}
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}
