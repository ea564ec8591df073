"""People and their images: what a step draws where a person, and not an image, is the unit of privacy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["ImagesOfPeople", "expected_people", "images_of_people"]


class ImagesOfPeople(NamedTuple):
    """Which images are whose, a row a person; as many columns as whoever has most of them has images."""

    indices: npt.NDArray[np.int32]
    """``(people, images)``: of the images; 0 where a person has no more."""
    present: npt.NDArray[np.float32]
    """``(people, images)``: 1 for an image, 0 where a person has no more."""


def images_of_people(owners: npt.NDArray[np.int64]) -> ImagesOfPeople:
    """Sort images by person.

    Args:
        owners: ``(images,)``: whose each is, people numbered from 0 up without a gap.
    """
    counts = np.bincount(owners)
    order = np.argsort(owners, kind="stable")
    places = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    indices = np.zeros((len(counts), counts.max()), np.int32)
    present = np.zeros(indices.shape, np.float32)
    indices[owners[order], places] = order
    present[owners[order], places] = 1
    return ImagesOfPeople(indices, present)


def expected_people(batch_size: int, images_per_owner: int) -> int:
    """How many people a step is expected to include, so that with all their images it goes over ``batch_size``.

    Both are settings, so that nothing about the people decides it.

    Args:
        batch_size: images.
        images_per_owner: the greatest number that each may have.
    """
    return max(1, batch_size // images_per_owner)
