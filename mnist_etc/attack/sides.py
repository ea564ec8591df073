"""Whose images the attacker has, and whose are rebuilt: the guarantee covers a private model's training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.attack.config import ReconstructCommand, Targets
from mnist_etc.data import Dataset, Split
from mnist_etc.data.dataset import spread
from mnist_etc.errors import DataError
from mnist_etc.models.zoo import ZOO

__all__ = ["attackers_images", "halves", "is_private", "leading", "refuse_common", "sides", "stands_by_class"]


def is_private(command: UseCommand) -> bool:
    """Whether DP-SGD trained any part of the model that ``command`` chooses, whatever its manifest can state of it."""
    if command.model.name in ZOO:
        return command.model.private
    return command.autoencoder.private or command.classifier.private


LEAST = 0.6
"""Part of the classes to be expected among the first images that has to be there, for these to stand for all."""
SURE = 15
"""Images to be expected of a class from which on one that has none among the first ones is no chance."""


def halves(split: Split) -> tuple[Split, Split]:
    """The first half and the rest; every other image and the rest where images stand class by class."""
    places, middle = np.arange(len(split)), len(split) // 2
    if stands_by_class(split.labels, middle):
        return split.some(places[1::2]), split.some(places[::2])
    return split.some(places[:middle]), split.some(places[middle:])


def leading(split: Split, count: int | None) -> Split:
    """The first ``count`` images, all where it is None or there are fewer.

    Where images stand class by class, as a folder has them, it is as many at even distances.
    """
    if count is not None and count < len(split) and stands_by_class(split.labels, count):
        return split.some(spread(len(split), count))
    return split.some(np.arange(len(split))[:count])


def stands_by_class(labels: NDArray[np.int64], count: int) -> bool:
    """Whether the first ``count`` labels are of far fewer classes than as many drawn by chance would be."""
    every, first = np.bincount(labels), np.bincount(labels[:count], minlength=labels.max(initial=0) + 1)
    shares = every[every > 0] / max(len(labels), 1)
    missing = (first == 0)[every > 0]
    expected = float(np.sum(1 - (1 - shares) ** count))
    return bool(np.sum(~missing) < LEAST * expected or np.any(missing & (count * shares >= SURE)))


def attackers_images(dataset: Dataset, *, private: bool) -> Split:
    """The training images; of a private model the first half of the validation images.

    What an attack writes are statistics of the attacker's images without noise: class means in a contact sheet, errors
    to six digits. Of training images under a guarantee they would be a release outside it.
    """
    return halves(dataset.validation)[0] if private else dataset.train


def sides(command: ReconstructCommand, dataset: Dataset) -> tuple[Split, Split]:
    """The attacker's images and the targets, which of a private model are never the same validation images.

    Raises:
        DataError: a target is among the attacker's images.
    """
    private = is_private(command)
    own, split = attackers_images(dataset, private=private), getattr(dataset, command.targets_from.value)
    if command.targets_from is Targets.validation and private:
        split = halves(dataset.validation)[1]
    own, targets = leading(own, command.attack.images), leading(split, command.targets)
    refuse_common(own.images, targets.images)
    return own, targets


def refuse_common(own: NDArray[np.uint8], targets: NDArray[np.uint8]) -> None:
    """Refuse targets that the attacker has already.

    Args:
        own: the attacker's images, uint8 ``(n, side, side)``.
        targets: ``(t, side, side)``.

    Raises:
        DataError: says how many.
    """
    had = {image.tobytes() for image in own}
    common = sum(image.tobytes() in had for image in targets)
    if common:
        raise DataError(
            f"Expected targets that the attacker has not; received {common:,} of {len(targets):,} that are among the "
            f"attacker's {len(own):,} images. Take them out of one side."
        )
