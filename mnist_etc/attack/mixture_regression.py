"""The posterior mean of an image given the answers, in closed form, of an attacker who knows nothing of the model.

A Gaussian mixture of answer and image together, each component a line (Ghahramani and Jordan, 'Supervised learning
from incomplete data via an EM approach', NIPS 1994). It takes seconds and has no training to fail, so it is the
yardstick of the inverse network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.class_prior import LEAST_IMAGES, SHRINKAGE, Gaussians
from mnist_etc.attack.code_posterior import tempered
from mnist_etc.attack.mean_by_answer import mean_suffices

__all__ = ["Lines", "rebuild", "rebuild_by_one_line", "regress"]

DIRECTIONS = 32
"""Principal components of the images that clusters are found in."""
RIDGE = 1e-3
"""Of the variance of a feature, added to each."""
NEAREST = 8
"""Components that a target's posterior is taken over."""
Array = NDArray[np.floating[Any]]


def rebuild(adversary: Adversary) -> Reconstruction | None:
    """With ``config.components`` for each class; None where the mean by answer is as good."""
    return _rebuild(adversary, adversary.config.components)


def rebuild_by_one_line(adversary: Adversary) -> Reconstruction | None:
    """With one component for each class, which is linear regression; None where the mean by answer is as good."""
    return _rebuild(adversary, 1)


def _rebuild(adversary: Adversary, components: int) -> Reconstruction | None:
    learned, seen = adversary.features
    if mean_suffices(learned):
        return None
    named, asked = adversary.named
    images = regress(learned, named, adversary.own.flat, seen, asked, components=components, seed=adversary.seed)
    return Reconstruction(images.reshape(-1, *adversary.own.images.shape[1:]))


def regress(
    learned: Array,
    named: NDArray[np.int64],
    images: NDArray[np.float32],
    seen: Array,
    asked: NDArray[np.int64],
    *,
    components: int,
    seed: int,
) -> NDArray[np.float32]:
    """Images ``(t, p)`` in [0, 1] behind features ``seen``.

    Args:
        learned: features of the answers about the attacker's images, ``(n, m)``.
        named: the class that those answers name, ``(n,)``.
        images: theirs, ``(n, p)`` in [0, 1].
        seen: features of the answers about the targets, ``(t, m)``.
        asked: the class that those name, ``(t,)``.
        components: for each class, at most.
        seed: of the clusters' first centers.
    """
    from sklearn.decomposition import PCA

    width = min(DIRECTIONS, *images.shape)
    places = PCA(width, svd_solver="randomized", random_state=seed).fit_transform(images)
    found = np.broadcast_to(images.mean(axis=0), (len(seen), images.shape[1])).copy()
    for label in np.unique(asked):
        own, sought = np.flatnonzero(named == label), np.flatnonzero(asked == label)
        if len(own):
            member = _clusters(places[own], components, seed)
            found[sought] = Lines.of(learned[own].astype(np.float64), images[own], member)(seen[sought])
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _clusters(places: Array, components: int, seed: int) -> NDArray[np.intp]:
    from sklearn.cluster import KMeans

    count = max(1, min(components, len(places) // LEAST_IMAGES))
    member = KMeans(count, n_init=1, max_iter=20, random_state=seed).fit_predict(places)
    return np.asarray(np.unique(member, return_inverse=True)[1].ravel())


@dataclass(frozen=True, eq=False, kw_only=True)
class Lines:
    """Of one class: ``k`` components of features and images together, a line from one to the other in each."""

    log_weights: Array
    """``(k,)``."""
    features: Gaussians
    """Of ``m`` dimensions."""
    images: Array
    """The mean of each, ``(k, p)``."""
    slopes: Array
    """``(k, m, p)``."""

    @classmethod
    def of(cls, learned: Array, images: Array, member: NDArray[np.intp]) -> Self:
        """Fit to features ``(n, m)`` of images ``(n, p)``, each a member of the component ``member`` ``(n,)``."""
        sizes = np.bincount(member)
        groups = [member == one for one in range(len(sizes))]
        centers, means = (np.stack([side[group].mean(axis=0) for group in groups]) for side in (learned, images))
        off, away = learned - centers[member], images - means[member]
        spread, shared = off.T @ off / len(off), off.T @ away / len(off)
        spread += (RIDGE * np.trace(spread) / len(spread) + RIDGE**2) * np.eye(len(spread))
        covariances, lines = [], []
        for group, size in zip(groups, sizes, strict=True):
            total = size + SHRINKAGE
            covariances.append((off[group].T @ off[group] + SHRINKAGE * spread) / total)
            lines.append(np.linalg.solve(covariances[-1], (off[group].T @ away[group] + SHRINKAGE * shared) / total))
        return cls(
            log_weights=np.log(sizes / len(member)),
            features=Gaussians(centers, np.stack(covariances)),
            images=means,
            slopes=np.stack(lines),
        )

    def __call__(self, seen: Array) -> Array:
        """The mean of the components' lines at ``seen`` ``(t, m)``, each by how likely it makes that, ``(t, p)``."""
        likely = self.log_weights + self.features.log_density(seen)
        best = np.argsort(-likely, axis=1)[:, :NEAREST]
        weights = tempered(np.take_along_axis(likely, best, axis=1))
        found = np.zeros((len(seen), self.images.shape[1]))
        for one, line in enumerate(self.slopes):
            target, rank = np.nonzero(best == one)
            guess = self.images[one] + (seen[target] - self.features.means[one]) @ line
            found[target] += weights[target, rank][:, None] * guess
        return found
