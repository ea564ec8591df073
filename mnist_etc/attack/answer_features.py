"""What several answers about one page come down to: numbers that a regression can start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["answer_features", "most_frequent"]

FEW = 128
"""Different answers that are counted one by one."""
Array = NDArray[np.float32]


def answer_features(policy: OutputPolicy, own: Array, targets: Array) -> tuple[Array, Array]:
    """Features ``(n, m)`` and ``(t, m)`` of the answers about ``k`` photos of each image.

    Of one answer they are its informative scores. Photos after the first come in any order, so of several answers
    their counts tell everything where a policy has few different ones, beside which came first; else the first one's
    scores, the mean of all and their deviation.

    Args:
        policy: that gave the answers.
        own: about the attacker's images, ``(n, k, classes)``.
        targets: about the targets, ``(t, k, classes)``.
    """
    both = np.concatenate([own, targets])
    count = both.shape[1]
    if count == 1:
        features = policy.informative_scores(both[:, 0])
    elif len(distinct := np.unique(both.reshape(-1, both.shape[2]), axis=0)) <= FEW:
        features = _counts(both, distinct)
    else:
        scores = policy.informative_scores(both.reshape(-1, both.shape[2])).reshape(both.shape)
        features = np.concatenate([scores[:, 0], scores.mean(axis=1), scores.std(axis=1)], axis=1)
    return features[: len(own)], features[len(own) :]


def _counts(answers: Array, distinct: Array) -> Array:
    """How often each of ``distinct`` ``(m, classes)`` is among the answers, a fraction, and whether it is the first."""
    features = np.empty((len(answers), 2 * len(distinct)), np.float32)
    for place, one in enumerate(distinct):
        same = (answers == one).all(axis=2)
        features[:, 2 * place], features[:, 2 * place + 1] = same.mean(axis=1), same[:, 0]
    return features


def most_frequent(answers: Array) -> Array:
    """The answer ``(n, classes)`` that is most often in each row of ``(n, k, classes)``; of equals the earliest."""
    same = np.stack([(answers == answers[:, [one]]).all(axis=2).sum(axis=1) for one in range(answers.shape[1])], axis=1)
    return np.asarray(answers[np.arange(len(answers)), same.argmax(axis=1)])
