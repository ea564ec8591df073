"""Second moments of features, released once with Gaussian noise, and the whitening that follows from them.

The Gaussian mechanism on the matrix of second moments (Dwork, Talwar, Thakurta and Zhang 2014, "Analyze Gauss"): a
linear fit in few noisy steps needs directions of even size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["noised_second_moments", "whitening"]

CHUNK = 4096


def noised_second_moments(
    features: npt.NDArray[np.float32],
    noise_multiplier: float,
    seed: int,
    owners: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float64]:
    """The sum of ``x x'`` over the rows ``x`` of ``features``, each brought to norm 1, with symmetric noise.

    One row changes the sum by ``x x'``, whose Frobenius norm is 1. That is also the norm of the diagonal and, times the
    square root of 2, the upper triangle as one vector, so noise of deviation ``noise_multiplier`` in each entry of that
    vector makes it one step of `SampledGaussian` with sampling rate 1.

    Where owners are given, a person's rows count for their mean: one person changes the sum by a mean of matrices of
    norm 1, whose norm is 1 at most.

    Args:
        features: ``(n, k)``; a row of zeros, or with a number that is not finite, counts for nothing.
        noise_multiplier: deviation of the noise on the diagonal.
        seed: of the noise; who knows it can subtract the noise.
        owners: ``(n,)``: whose each row is, people numbered from 0 up; None: each is somebody's only one.

    Returns:
        ``(k, k)``, symmetric, not divided by n.
    """
    size = features.shape[1]
    total = np.zeros((size, size))
    shares = np.ones(len(features)) if owners is None else 1 / np.bincount(owners)[owners]
    for first in range(0, len(features), CHUNK):
        rows = features[first : first + CHUNK].astype(np.float64)
        rows[~np.isfinite(rows).all(axis=1)] = 0
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        rows *= np.sqrt(shares[first : first + CHUNK, np.newaxis])
        total += rows.T @ rows
    normal = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))).normal
    above = np.triu(normal(0, noise_multiplier / np.sqrt(2), total.shape), 1)
    return total + above + above.T + np.diag(normal(0, noise_multiplier, size))


def whitening(moments: npt.NDArray[np.float64], noise_multiplier: float) -> npt.NDArray[np.float32]:
    """The matrix ``(k, k)`` that evens out the moments as far as they stand out of their noise.

    The symmetric inverse square root; eigenvalues below half the largest that noise alone would have, which is
    ``noise_multiplier * sqrt(2 k)`` (Wigner), are raised to that.

    Args:
        moments: what `noised_second_moments` returned.
        noise_multiplier: of that noise.
    """
    floor = 0.5 * noise_multiplier * np.sqrt(2 * len(moments))
    values, vectors = np.linalg.eigh(moments)
    values = np.maximum(values, max(floor, 1e-6 * values[-1]))
    return np.asarray((vectors * np.sqrt(values[-1] / values)) @ vectors.T, np.float32)
