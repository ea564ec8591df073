"""The posterior of a code given the logits, in closed form but for flatter weights: hill climbing's yardstick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.class_prior import Gaussians, Mixture, tempered

__all__ = ["linear_posterior"]

NOISE = 1e-4
"""Deviation that the logits are taken to have."""
Array = NDArray[np.float64]


def linear_posterior(
    mixtures: Sequence[Mixture],
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    logits: NDArray[np.float32],
    restarts: int,
) -> tuple[Array, Array]:
    """Of a linear classifier: each target's likeliest codes and their weights, which sum to 1.

    With code z of component k, N(m, C), and logits t = W' z + b, z given t and k is Gaussian with the mean
    m + C W (W' C W)^-1 (t - b - W' m) (Bishop 2006, section 2.3.3), and k given t is weighted by t's density,
    `tempered`.

    Args:
        mixtures: of the codes, by class; a target's class is its greatest logit.
        kernel: W, ``(d, 10)``.
        bias: b, ``(10,)``.
        logits: of the targets, ``(n, 10)``.
        restarts: components that are kept.

    Returns:
        ``(n, restarts, d)`` and ``(n, restarts)``.
    """
    codes, weights = np.zeros((len(logits), restarts, len(kernel))), np.zeros((len(logits), restarts))
    for label, mixture in enumerate(mixtures):
        targets = np.flatnonzero(logits.argmax(axis=1) == label)
        values = logits[targets].astype(np.float64)
        gains = mixture.codes.covariances @ kernel
        expected = Gaussians(mixture.codes.means @ kernel + bias, kernel.T @ gains + NOISE**2 * np.eye(kernel.shape[1]))
        moved = (values - expected.means[:, None, :]) @ np.linalg.solve(expected.covariances, np.swapaxes(gains, 1, 2))
        likely = mixture.log_weights + expected.log_density(values)
        best = np.argsort(-likely, axis=1)[:, :restarts]
        found = mixture.codes.means[best] + moved[best, np.arange(len(targets))[:, None]]
        codes[targets, : best.shape[1]] = found
        weights[targets, : best.shape[1]] = tempered(np.take_along_axis(likely, best, axis=1))
    return codes, weights
