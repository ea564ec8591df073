"""What an attacker expects of a code before any answer: Gaussians for each class, from images of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClassPrior", "Gaussians", "Mixture"]

LEAST_IMAGES = 10
"""That a component holds on average, at least."""
SHRINKAGE = 20
"""Images' worth of the common covariance within components that is added to each component's own."""
FLOOR = 1e-6
"""Added to each variance, as a fraction of the mean one and of 1."""
HELD = 16
"""Mixtures that are kept: of a thousand classes each takes some fifty megabytes."""
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """``k`` of them, of ``n`` dimensions."""

    means: Array
    """``(k, n)``."""
    covariances: Array
    """``(k, n, n)``."""

    def log_density(self, values: Array) -> Array:
        """Of each of ``values`` ``(t, n)`` in each, ``(t, k)``, up to a constant."""
        roots = np.linalg.cholesky(self.covariances)
        white = (values - self.means[:, None, :]) @ np.swapaxes(np.linalg.inv(roots), 1, 2)
        volumes = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(-0.5 * np.square(white).sum(axis=2) - volumes[:, None]).T


@dataclass(frozen=True, eq=False)
class Mixture:
    """Codes of one class, and the scores of the same images, in ``k`` components."""

    log_weights: Array
    """``(k,)``."""
    codes: Gaussians
    scores: Gaussians


class ClassPrior(Sequence[Mixture]):
    """A `Mixture` for each class, clustered by k-means when it is asked for, a Gaussian a cluster.

    Clusters take seconds where expectation-maximization takes minutes. A class that no answer names has the mixture of
    all codes; one of few images has the covariance that classes have about their means, which its own would
    underestimate.

    Args:
        codes: ``(n, d)``.
        scores: what is compared of the answers about them, ``(n, classes)``.
        predicted: the class that each answer names, ``(n,)``.
        components: of each class, at most; fewer where it has few images.
        seed: of the first centers.
    """

    def __init__(
        self,
        codes: NDArray[np.float32],
        scores: NDArray[np.float32],
        predicted: NDArray[np.int64],
        *,
        components: int,
        seed: int,
    ) -> None:
        self._codes, self._scores, self._predicted = codes, scores, predicted
        self._components, self._seed = components, seed
        self._named = set(predicted.tolist())
        self._held = lru_cache(HELD)(self._fitted)

    def __len__(self) -> int:
        """The number of classes."""
        return int(self._scores.shape[1])

    @overload
    def __getitem__(self, label: int) -> Mixture: ...
    @overload
    def __getitem__(self, label: slice) -> Sequence[Mixture]: ...
    def __getitem__(self, label: int | slice) -> Mixture | Sequence[Mixture]:
        """Of the class ``label``."""
        if isinstance(label, slice):
            return [self[one] for one in range(*label.indices(len(self)))]
        if not 0 <= label < len(self):
            raise IndexError(label)
        return self._held(int(label) if label in self._named else None)

    def _fitted(self, label: int | None) -> Mixture:
        chosen = np.ones(len(self._codes), bool) if label is None else self._predicted == label
        codes, scores = (values[chosen].astype(np.float64) for values in (self._codes, self._scores))
        within = self._within if len(codes) < LEAST_IMAGES else (None, None)
        return _mixture(codes, scores, self._components, self._seed, within)

    @cached_property
    def _within(self) -> tuple[Array, Array]:
        """Covariances of codes and of scores about the means of their classes."""
        member = np.unique(self._predicted, return_inverse=True)[1].ravel()
        sizes, found = np.bincount(member)[:, None], []
        for side in (self._codes.astype(np.float64), self._scores.astype(np.float64)):
            sums = np.zeros((len(sizes), side.shape[1]))
            np.add.at(sums, member, side)
            off = side - (sums / sizes)[member]
            found.append(off.T @ off / len(off))
        return found[0], found[1]


def _mixture(
    codes: Array, scores: Array, components: int, seed: int, within: tuple[Array | None, Array | None]
) -> Mixture:
    from sklearn.cluster import KMeans

    count = max(1, min(components, len(codes) // LEAST_IMAGES))
    member = KMeans(count, n_init=1, max_iter=20, random_state=seed).fit_predict(codes)
    member = np.unique(member, return_inverse=True)[1].ravel()  # of equal codes some clusters stay empty
    sizes = np.bincount(member)
    of_codes, of_scores = (
        _gaussians(values, member, sizes, common) for values, common in zip((codes, scores), within, strict=True)
    )
    return Mixture(np.log(sizes / len(codes)), of_codes, of_scores)


def _gaussians(values: Array, member: NDArray[np.intp], sizes: NDArray[np.intp], within: Array | None) -> Gaussians:
    means = np.stack([values[member == k].mean(axis=0) for k in range(len(sizes))])
    off = values - means[member]
    common = off.T @ off / len(values) if within is None else within
    common = common + FLOOR * (1 + np.trace(common) / len(common)) * np.eye(len(common))
    own = np.stack([off[member == k].T @ off[member == k] for k in range(len(sizes))])
    return Gaussians(means, (own + SHRINKAGE * common) / (sizes + SHRINKAGE)[:, None, None])
