"""The mean of the attacker's images with the same answer: what needs no search, no training and no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary, Reconstruction

__all__ = ["mean_by_answer", "mean_suffices", "rebuild"]

MANY = 100
"""Images an answer, on average, whose mean a network could not better."""
Images = NDArray[np.float32]


def rebuild(adversary: Adversary) -> Reconstruction:
    """Look the mean image of each target's answer up; of several answers the one that came most often."""
    learned, seen = adversary.frequent
    return Reconstruction(mean_by_answer(learned, adversary.own.images, seen))


def mean_by_answer(answers: NDArray[np.float32], images: Images, targets: NDArray[np.float32]) -> Images:
    """The mean of the attacker's images that got the target's very answer; the mean of all where none did.

    Where each answer has many images this is nearly the best that anybody can do in mean squared error. Under the
    policy ``label`` it is the class mean, the floor that all policies are held against.

    Args:
        answers: about the attacker's images, ``(n, m)``.
        images: those, ``(n, side, side)`` in [0, 1].
        targets: answers about the targets, ``(t, m)``.

    Returns:
        ``(t, side, side)``.
    """
    distinct, which = np.unique(np.concatenate([answers, targets]), axis=0, return_inverse=True)
    own, sought = np.split(which.ravel(), [len(answers)])
    counts = np.bincount(own, minlength=len(distinct))
    order = np.argsort(own, kind="stable")
    occurring = np.flatnonzero(counts)
    sums = np.add.reduceat(images[order], np.append(0, np.cumsum(counts[occurring])[:-1]), axis=0, dtype=np.float64)
    means = np.broadcast_to(images.mean(axis=0), (len(distinct), *images.shape[1:])).copy()
    means[occurring] = sums / counts[occurring, None, None]
    return np.asarray(means[sought], np.float32)


def mean_suffices(answers: NDArray[np.float32]) -> bool:
    """Whether ``(n, m)`` are so few different ones that `mean_by_answer` is where a network trained on them arrives."""
    return len(np.unique(answers, axis=0)) * MANY <= len(answers)
