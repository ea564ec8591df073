"""The posterior of a code given the logits, in closed form but for flatter weights: hill climbing's yardstick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.class_prior import ClassPrior, Gaussians, Mixture
from mnist_etc.attack.code_posterior import CodePosterior, tempered

__all__ = ["linear_posterior", "rebuild", "rebuild_by_one_gaussian"]

NOISE = 1e-4
"""Deviation that the logits are taken to have."""
Array = NDArray[np.float64]


def rebuild(adversary: Adversary) -> Reconstruction:
    """Decode the likeliest codes, as many as hill climbing has restarts, with its own prior."""
    return _rebuild(adversary, adversary.code_prior, adversary.config.restarts)


def rebuild_by_one_gaussian(adversary: Adversary) -> Reconstruction:
    """Decode the mean code of a prior of one Gaussian for each class."""
    predicted = adversary.answers.argmax(axis=1)
    prior = ClassPrior(adversary.own.codes, adversary.scores, predicted, components=1, seed=adversary.seed)
    return _rebuild(adversary, prior, 1)


def _rebuild(adversary: Adversary, prior: Sequence[Mixture], restarts: int) -> Reconstruction:
    linear = adversary.victim.linear_head()
    assert linear, "the row of this attack asks for a linear head"
    found = linear_posterior(prior, *linear, adversary.target_answers, restarts)
    return Reconstruction(found.mean_image(adversary.victim.decode))


def linear_posterior(
    mixtures: Sequence[Mixture],
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    logits: NDArray[np.float32],
    restarts: int,
) -> CodePosterior:
    """Of a linear classifier: each target's likeliest codes and their weights, which sum to 1.

    With code z of component k, N(m, C), and logits t = W' z + b, z given t and k is Gaussian with the mean
    m + C W (W' C W)^-1 (t - b - W' m) (Bishop 2006, section 2.3.3), and k given t is weighted by t's density,
    `tempered`.

    Args:
        mixtures: of the codes, by class; a target's class is its greatest logit.
        kernel: W, ``(d, classes)``.
        bias: b, ``(classes,)``.
        logits: of the targets, ``(n, classes)``.
        restarts: components that are kept.
    """
    codes, weights = np.zeros((len(logits), restarts, len(kernel))), np.zeros((len(logits), restarts))
    named = logits.argmax(axis=1)
    for label in np.unique(named):
        mixture, targets = mixtures[label], np.flatnonzero(named == label)
        values = logits[targets].astype(np.float64)
        gains = mixture.codes.covariances @ kernel
        expected = Gaussians(mixture.codes.means @ kernel + bias, kernel.T @ gains + NOISE**2 * np.eye(kernel.shape[1]))
        moved = (values - expected.means[:, None, :]) @ np.linalg.solve(expected.covariances, np.swapaxes(gains, 1, 2))
        likely = mixture.log_weights + expected.log_density(values)
        best = np.argsort(-likely, axis=1)[:, :restarts]
        found = mixture.codes.means[best] + moved[best, np.arange(len(targets))[:, None]]
        codes[targets, : best.shape[1]] = found
        weights[targets, : best.shape[1]] = tempered(np.take_along_axis(likely, best, axis=1))
    return CodePosterior(codes, weights)
