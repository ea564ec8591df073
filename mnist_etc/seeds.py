"""The seeds of fresh weights, one a layer, from a generator of their own.

Libraries draw from Python's and NumPy's global generators when they please (MLflow names a run by them), so nothing
here seeds or reads those.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

__all__ = ["layer_seeds"]

LARGEST = 10**9


def layer_seeds(seed: int, *, after: int = 0) -> Iterator[int]:
    """A seed for each layer of a network, in their order.

    Args:
        seed: of the network.
        after: layers of other networks that come before, so that no two layers trained under one seed share one.
    """
    generator = random.Random(seed)  # noqa: S311 -- weights are no secret
    return itertools.islice((generator.randint(1, LARGEST) for _ in itertools.count()), after, None)
