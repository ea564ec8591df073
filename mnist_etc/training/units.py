"""Whom a training protects: single images, or people with all of theirs."""

from __future__ import annotations

from dataclasses import replace

from mnist_etc.data import Dataset, Split
from mnist_etc.data.owners import keep_per_owner
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.privacy.unit import Unit

__all__ = ["count_units", "to_train_on"]


def to_train_on(dataset: Dataset, privacy: PrivacyConfig, *, private: bool) -> Dataset:
    """The dataset with no more than ``privacy.images_per_owner`` training images of anybody, where that matters.

    Args:
        dataset: with owners or without.
        privacy: states how many.
        private: whether the training is; a plain one takes all images.
    """
    if dataset.train.owners is None or not private:
        return dataset
    return replace(dataset, train=keep_per_owner(dataset.train, privacy.images_per_owner))


def count_units(train: Split) -> tuple[int, Unit]:
    """How many units of privacy the training images are: people where owners are known, else images."""
    if train.owners is None:
        return len(train), Unit.image
    return int(train.owners.max()) + 1, Unit.person
