"""Bayesian hill climbing: find the code whose answer is the target's, by queries alone.

Galbally, McCool, Fierrez, Marcel and Ortega-Garcia, 'On the vulnerability of face verification systems to
hill-climbing attacks', Pattern Recognition 43 (2010), adapted to an answer of several scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.class_prior import Mixture
from mnist_etc.attack.code_posterior import CodePosterior, tempered
from mnist_etc.errors import ConfigError

__all__ = ["Scores", "climb", "rebuild"]

Array = NDArray[np.floating[Any]]
Scores = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From codes ``(n, d)`` to what is compared of the answers about them, ``(n, classes)``; each row is a query."""

NOISE = 1e-3
"""Deviation that scores are taken to have."""
INFLATION = 1e-2
"""Of the prior's covariance, kept to search in, lest the next search starts in a point."""
CHUNK = 50
"""Targets at a time, at most."""
MOST_NUMBERS = 10_000_000
"""Of the covariances of their scores: fewer targets at a time where there are many classes."""


def rebuild(adversary: Adversary) -> Reconstruction:
    """Climb in the codes of an attacker who has the encoder and the decoder."""
    asking = adversary.asking_codes
    labels = asking.target_answers.argmax(axis=1)
    found = climb(asking.ask, asking.code_prior, asking.target_scores, labels, **adversary.search)
    return Reconstruction(found.mean_image(adversary.victim.decode), found.queries)


def climb(
    scores: Scores,
    mixtures: Sequence[Mixture],
    targets: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    queries: int,
    restarts: int,
    iterations: int,
    seed: int,
) -> CodePosterior:
    """Start from the components that the target's scores make likely; move each to its posterior; weight them.

    A step asks about codes drawn around the present Gaussian, regresses their scores on them and conditions the
    component on the target's by that line (iterated posterior linearization: Garcia-Fernandez, Svensson, Morelande
    and Sarkka 2015, arXiv:1412.0843). Where scores are linear in the code the first step is exact. The selection of
    the best, as in the original, spends a hundred times the queries on the same line. Some fifty targets of a
    class at a time share the queries of the first step from each component. The weights are `tempered`.

    Args:
        scores: asked; nothing else is known of the model.
        mixtures: by class, of codes and of the scores that the same callable gives them.
        targets: scores of the images that are searched, ``(n, classes)``.
        labels: the classes that their answers name, ``(n,)``.
        queries: of a target, at most.
        restarts: components that are searched in.
        iterations: steps of each.
        seed: of the draws, which all targets share.

    Raises:
        ConfigError: there are too few queries for a line through those of one step.
    """
    width = mixtures[0].codes.means.shape[1]
    samples, least = queries // (restarts * iterations), width + 2
    if samples < least:
        raise ConfigError(
            f"Expected queries of at least {least * restarts * iterations:,}, {least} for each of {iterations} steps "
            f"of {restarts} restarts; received {queries:,}. Pass more, or fewer restarts."
        )
    draws = _white(np.random.default_rng(seed), (iterations, samples, width))
    codes, weights = np.zeros((len(targets), restarts, width)), np.zeros((len(targets), restarts))
    chunk = max(1, min(CHUNK, MOST_NUMBERS // (restarts * targets.shape[1] ** 2)))
    for label in np.unique(labels):
        mixture, of_class = mixtures[label], np.flatnonzero(labels == label)
        for first in range(0, len(of_class), chunk):
            part = of_class[first : first + chunk]
            found, weight = _climb(scores, mixture, targets[part].astype(np.float64), restarts, draws)
            codes[part, : weight.shape[1]], weights[part, : weight.shape[1]] = found, weight
    return CodePosterior(codes, weights, float(samples * restarts * iterations))


def _climb(scores: Scores, mixture: Mixture, targets: Array, restarts: int, draws: Array) -> tuple[Array, Array]:
    likely = mixture.log_weights + mixture.scores.log_density(targets)
    chosen = np.argsort(-likely, axis=1)[:, :restarts]
    used, place = np.unique(chosen, return_inverse=True)
    place = place.reshape(chosen.shape)
    start: Array = mixture.codes.means[used]
    roots = np.linalg.cholesky(mixture.codes.covariances[used])
    means, spread = start, roots
    for step, draw in enumerate(draws):
        expected, line, rest = _line(scores, means, spread, draw)
        lever = _turned(np.linalg.solve(_turned(spread), _turned(line))) @ roots if step else line
        variance = lever @ _turned(lever) + rest + NOISE**2 * np.eye(targets.shape[1])
        precision: Array = np.linalg.inv(variance)
        volume: Array = np.linalg.slogdet(variance)[1]
        gain = _turned(np.linalg.solve(variance, lever))
        pull: Array = roots @ gain
        if not step:  # so far the same for all targets that a component is likely for
            expected, precision, volume, pull, start = (
                each[place] for each in (expected, precision, volume, pull, start)
            )
        wanted = targets[:, None, :] - expected
        if step:
            wanted -= _times(lever, np.linalg.solve(roots, (start - means)[..., None])[..., 0])
        means = start + _times(pull, wanted)
        surprise = (wanted * _times(precision, wanted)).sum(axis=2)
        fit = mixture.log_weights[chosen] - 0.5 * (surprise + volume)
        if step + 1 < len(draws):
            left = (1 + INFLATION) * np.eye(draw.shape[1]) - gain @ lever
            spread = roots @ np.linalg.cholesky(left)
            if not step:
                spread, roots = spread[place], roots[place]
    return means, tempered(fit)


def _line(scores: Scores, means: Array, spread: Array, draw: Array) -> tuple[Array, Array, Array]:
    """Through the scores of codes drawn around ``means`` ``(..., d)``: their mean, slope, and variance about it."""
    codes = means[..., None, :] + draw @ _turned(spread)
    asked = scores(codes.reshape(-1, codes.shape[-1]).astype(np.float32))
    answered = asked.reshape(*codes.shape[:-1], -1).astype(np.float64)
    expected = answered.mean(axis=-2)
    off = _turned(answered - expected[..., None, :])
    line = off @ draw / len(draw)
    rest = off @ _turned(off) / len(draw) - line @ _turned(line)
    return expected, line, rest * len(draw) / (len(draw) - draw.shape[1] - 1)  # of few draws, without bias


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def _times(matrices: Array, vectors: Array) -> Array:
    return np.asarray((matrices @ vectors[..., None])[..., 0])


def _white(generator: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Standard normal draws whose mean is exactly 0 and covariance exactly 1, so that a line through them is."""
    draws = generator.standard_normal(shape)
    draws -= draws.mean(axis=1, keepdims=True)
    covariance = _turned(draws) @ draws / shape[1]
    return np.asarray(draws @ np.linalg.inv(_turned(np.linalg.cholesky(covariance))))
