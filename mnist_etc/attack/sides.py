"""Whose images the attacker has, and whose are rebuilt: the guarantee covers a private model's training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.attack.config import ReconstructCommand, Targets
from mnist_etc.data import Dataset, Split
from mnist_etc.errors import DataError
from mnist_etc.models.zoo import ZOO

__all__ = ["attackers_images", "halves", "is_private", "leading", "refuse_common", "sides"]


def is_private(command: UseCommand) -> bool:
    """Whether DP-SGD trained any part of the model that ``command`` chooses, whatever its manifest can state of it."""
    if command.model.name in ZOO:
        return command.model.private
    return command.autoencoder.private or command.classifier.private


def halves(split: Split) -> tuple[Split, Split]:
    """The first half and the rest."""
    places, middle = np.arange(len(split)), len(split) // 2
    return split.some(places[:middle]), split.some(places[middle:])


def leading(split: Split, count: int | None) -> Split:
    """The first ``count`` images, all where it is None or there are fewer."""
    return split.some(np.arange(len(split))[:count])


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
