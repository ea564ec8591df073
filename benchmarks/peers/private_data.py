"""What every private peer trains on, how much it clips and adds, and the proof that it clips each example."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from idx import mnist

Values = npt.NDArray[np.float32]

CLIP = 1.0
NOISE_MULTIPLIER = 1.0
LEARNING_RATE = 1e-3
HID_DIM = 32
CLASSES = 10
EXAMPLES = 60_000
"""That a sample is drawn from."""
CODES = 2**19
CHECKED = 64
"""Examples whose clipped sum is checked."""
TOLERANCE = 1e-4


def arrays(task: str) -> list[npt.NDArray[Any]]:
    """Of the autoencoder: images ``(n, 28, 28)`` uint8. Of the classifier: codes ``(n, 32)`` and labels ``(n,)``."""
    if task == "autoencoder":
        return [mnist("train")[0]]
    random = np.random.default_rng(0)
    return [random.standard_normal((CODES, HID_DIM), np.float32), random.integers(0, CLASSES, CODES)]


def samples(batch_size: int, steps: int) -> Iterator[npt.NDArray[np.int64]]:
    """Poisson samples of an expected size: a binomial number of distinct examples, which is the same and quicker."""
    random = np.random.default_rng()
    for count in random.binomial(EXAMPLES, batch_size / EXAMPLES, steps):
        yield random.choice(EXAMPLES, count, replace=False, shuffle=False)


def check(label: str, gradients: Values, clipped_sum: Callable[[float], Values]) -> None:
    """Refuse a peer that does not clip example by example.

    Args:
        label: a word for the peer.
        gradients: of each example alone, ``(examples, parameters)``.
        clipped_sum: ``(clip)`` to the noiseless sum of the same examples' clipped gradients, ``(parameters,)``.

    Raises:
        SystemExit: the sum differs from that of the gradients clipped one by one, at a clip that half of them exceed.
    """
    norms = np.linalg.norm(gradients, axis=1)
    clip = float(np.median(norms))
    expected = (gradients * np.minimum(1, clip / norms)[:, np.newaxis]).sum(0)
    error = np.linalg.norm(np.asarray(clipped_sum(clip)) - expected) / np.linalg.norm(expected)
    if not error < TOLERANCE:
        sys.exit(f"Expected {label} to clip each example; received a sum with a relative error of {error:.2g}.")
    print(f"{label}: clipped sum of {len(gradients)} examples, relative error {error:.1g}", file=sys.stderr)
