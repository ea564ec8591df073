"""Which images a person brings to a step, and how many people a step takes."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.privacy.people import expected_people, images_of_people
from mnist_etc.privacy.sampling import LARGEST_PART, PoissonSampler


def test_everybody_has_all_of_his_images_and_no_other() -> None:
    owners = np.array([2, 0, 2, 1, 2, 0])
    indices, present = images_of_people(owners)
    assert (indices.dtype, present.dtype) == (np.int32, np.float32)
    assert indices.shape == present.shape == (3, 3)
    assert [sorted(row[there == 1].tolist()) for row, there in zip(indices, present, strict=True)] == [
        [1, 5],
        [3],
        [0, 2, 4],
    ]
    assert not indices[present == 0].any()


@pytest.mark.parametrize(("batch_size", "images", "people"), [(8192, 20, 409), (8192, 1, 8192), (8, 20, 1)])
def test_a_steps_people_have_a_batch_of_images_together(batch_size: int, images: int, people: int) -> None:
    assert expected_people(batch_size, images) == people


@pytest.mark.parametrize("images", [1, 20, 5000])
def test_parts_hold_as_many_images_whatever_a_person_has(images: int) -> None:
    sampler = PoissonSampler(examples=2750, batch_size=409, seed=1, images=images)
    assert 1 <= sampler.part_size * images <= max(LARGEST_PART, images)
    plain = PoissonSampler(examples=2750, batch_size=409, seed=1)
    for ours, one in ((sampler.parts(4, 6), plain.parts(4, 6)),):
        assert sorted(ours.indices[ours.mask == 1].tolist()) == sorted(one.indices[one.mask == 1].tolist())
