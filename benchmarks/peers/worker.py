"""The side of a contender: answers requests for one measurement, a JSON line each, until its input ends.

A contender lives in a process of its own, and keeps what it compiled, so that the rounds can be interleaved.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

Epoch = Callable[[npt.NDArray[np.int64]], None]
"""Trains on ``order``, the indices ``(steps, batch)`` of the images of each step, and returns when all is done."""


def serve(variants: Sequence[str], packages: Sequence[str], measure: Callable[[str, int, int], float]) -> None:
    """Say what there is to measure, then measure what is asked for.

    Args:
        variants: ways this contender can train; each is measured.
        packages: whose versions to state.
        measure: ``(variant, batch size, images)`` to images per second.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, object]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    answer({"variants": list(variants), "versions": [f"{name} {version(name)}" for name in packages]})
    for line in sys.stdin:
        request = json.loads(line)
        answer({"images_per_second": measure(request["variant"], request["batch_size"], request["images"])})


def epochs(build: Callable[[str, int], Epoch]) -> Callable[[str, int, int], float]:
    """``measure`` out of ``build``: the first epoch of each kind compiles and is not counted."""
    ready: dict[tuple[str, int, int], tuple[Epoch, Iterator[npt.NDArray[np.int64]]]] = {}

    def measure(variant: str, batch_size: int, images: int) -> float:
        key = (variant, batch_size, images)
        if key not in ready:
            ready[key] = build(variant, batch_size), _orders(batch_size, images)
            ready[key][0](next(ready[key][1]))
        epoch, orders = ready[key]
        order = next(orders)
        began = time.perf_counter()
        epoch(order)
        return order.size / (time.perf_counter() - began)

    return measure


def _orders(batch_size: int, images: int) -> Iterator[npt.NDArray[np.int64]]:
    random = np.random.default_rng(0)
    while True:
        yield random.permutation(images)[: images // batch_size * batch_size].reshape(-1, batch_size)
