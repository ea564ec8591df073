"""Hill climbing of an attacker who may only ask about images: principal components stand in for the code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.class_prior import ClassPrior
from mnist_etc.attack.hill_climbing import climb

__all__ = ["rebuild"]

Array = NDArray[np.float32]


def rebuild(adversary: Adversary) -> Reconstruction:
    """Climb in as many components of the attacker's own images as the code has numbers."""
    own, victim = adversary.own, adversary.victim
    components = PCA(min(victim.hid_dim, *own.flat.shape), svd_solver="randomized", random_state=adversary.seed)
    codes = components.fit(own.flat).transform(own.flat).astype(np.float32)

    def image(codes: Array) -> Array:
        return np.asarray(np.clip(components.inverse_transform(codes), 0, 1), np.float32).reshape(
            -1, *own.images.shape[1:]
        )

    predicted, sought = adversary.answers.argmax(axis=1), adversary.target_answers
    prior = ClassPrior(codes, adversary.scores, predicted, components=adversary.config.components, seed=adversary.seed)
    found = climb(
        lambda codes: victim.logits_of_images(image(codes)), prior, sought, sought.argmax(axis=1), **adversary.search
    )
    return Reconstruction(found.mean_image(image), found.queries)
