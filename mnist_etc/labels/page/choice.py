"""What to ask next where no training chooses: by clusters first, then by a classifier on the pixels.

It takes seconds on 60,000 images and needs no TensorFlow; a training's own choice knows more.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.pool import Choice, Pool
from mnist_etc.labels.strategies.registry import ask

__all__ = ["Chooser"]

STRATEGY, ALL = "cluster_margin", "all that are left"
COMPONENTS = 50
FEW = 2
"""Labels a class from which a classifier is asked."""


class Chooser:
    """Chooses questions among images.

    Args:
        images: uint8 ``(n, side, side)``.
        classes: how many there are.
        seed: the same images, labels and seed make the same choice.
    """

    def __init__(self, images: NDArray[np.uint8], classes: int, seed: int = 0) -> None:
        self._images, self._classes, self._seed = images, classes, seed

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Principal components of the pixels ``(n, d)``, each divided by the fourth root of its variance."""
        from sklearn.decomposition import PCA

        flat = self._images.reshape(len(self._images), -1).astype(np.float32) / np.float32(255)
        count = min(COMPONENTS, len(flat), flat.shape[1])
        means = PCA(count, svd_solver="randomized", random_state=self._seed).fit(flat)
        scale = np.maximum(means.explained_variance_, 1e-12) ** 0.25
        return np.asarray(means.transform(flat) / scale, np.float32)

    def choose(
        self, indices: NDArray[np.int64], labels: NDArray[np.int64], others: NDArray[np.int64], k: int
    ) -> tuple[str, Choice]:
        """Choose ``k`` images, or all that are left where they are fewer.

        Args:
            indices: ``(m,)``, of the images whose labels are known.
            labels: ``(m,)``.
            others: of images that are not to be asked either: they wait, or were skipped.
            k: how many.

        Returns:
            The name of the strategy, and its choice.
        """
        barred = np.setdiff1d(others, indices)
        left = np.setdiff1d(np.arange(len(self._images)), np.concatenate([indices, barred]))
        if len(left) <= k:
            return ALL, Choice(indices=left, scores=np.zeros(len(left)))
        probabilities = self._probabilities(indices, labels)
        pool = Pool(
            features=self.features,
            asked=indices,
            labels=labels,
            probabilities=probabilities,
            classes=self._classes,
            seed=self._seed,
            barred=barred,
        )
        return ask(STRATEGY, pool, k, labels=len(indices) + k)

    def _probabilities(self, indices: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Of the classes that have labels, by logistic regression; None where the labels are too few for one."""
        from sklearn.linear_model import LogisticRegression

        if len(labels) < FEW * self._classes or len(np.unique(labels)) < 2:
            return None
        model = LogisticRegression(max_iter=200).fit(self.features[indices], labels)
        found = np.zeros((len(self.features), self._classes), np.float32)
        found[:, model.classes_] = model.predict_proba(self.features)
        return found
