"""Every attack on one output policy, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from mnist_etc.attack.baselines import mean_by_answer, repeat
from mnist_etc.attack.class_prior import fit_mixtures
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.hill_climbing import climb, climb_as_in_2023
from mnist_etc.attack.inverse import invert
from mnist_etc.attack.posterior import linear_posterior
from mnist_etc.attack.subject import Subject
from mnist_etc.data.dataset import SIDE
from mnist_etc.policy.config import PolicyName
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Known", "Rebuilt", "compared", "mean_image", "rebuild"]

NEGLIGIBLE = 0.01
"""Weight of a code below which it is not decoded."""
SMALLEST = 1e-12
Images = NDArray[np.float32]
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Known:
    """Images, and what the model makes of them."""

    bytes: NDArray[np.uint8]
    """``(n, 28, 28)``."""
    images: Images
    """The same in [0, 1]."""
    codes: Array
    """``(n, d)``; an attacker who does not know the encoder has none."""
    logits: Array
    """``(n, 10)``."""

    @property
    def flat(self) -> Array:
        """Images as rows, ``(n, 784)``."""
        return self.images.reshape(len(self.images), -1)

    @classmethod
    def of(cls, subject: Subject, images: NDArray[np.uint8]) -> Known:
        """``images`` through the model."""
        codes = subject.codes(images)
        return cls(images, images.astype(np.float32) / np.float32(255), codes, subject.logits(codes))


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """What one attack made of the answers about all targets."""

    attack: str
    knows_encoder: bool
    queries: float
    """About each target, had it been attacked alone; those about the attacker's own images are not counted."""
    images: Images
    """``(n, 28, 28)`` in [0, 1]."""


def compared(policy: OutputPolicy, answered: Array) -> Array:
    """Answers where they are informative: logits, or the logarithms of probabilities, ``(n, 10)``.

    What a policy rounds to zero counts as half its last decimal.
    """
    if policy.config.name is PolicyName.logits:
        return answered
    least = 0.5 * 10.0**-policy.config.decimals if policy.config.name is PolicyName.rounded else SMALLEST
    return np.asarray(np.log(np.maximum(answered, np.float32(least))))


def rebuild(
    config: AttackConfig,
    subject: Subject,
    policy: OutputPolicy,
    own: Known,
    targets: Known,
    *,
    preset_2023: bool,
    seed: int,
) -> Iterator[Rebuilt]:
    """Attack ``policy``, which the attacker knows, and adapt to it; of ``targets`` only the answers are used.

    Args:
        config: how strongly.
        subject: the model.
        policy: what its answers pass through.
        own: the attacker's images, none of them a target.
        targets: whose answers are seen.
        preset_2023: also as in 2023, where the policy is logits.
        seed: of everything drawn.
    """
    learnt, seen = (answers(policy, side.logits, side.bytes) for side in (own, targets))
    yield Rebuilt("mean by answer", False, 0, mean_by_answer(learnt, own.images, seen))
    if not repeat(learnt):
        inverted = invert(config, compared(policy, learnt), own.images, compared(policy, seen), seed)
        yield Rebuilt("inverse network", False, 0, inverted)
    yield from _search(config, subject, policy, own, learnt, seen, seed)
    if policy.config.name is PolicyName.logits and preset_2023:
        old = climb_as_in_2023(subject.logits, own.codes.mean(axis=0), own.codes.std(axis=0), seen, seed=seed)
        yield Rebuilt("hill climbing, 2023", True, old.queries, mean_image(subject.decoded, old.codes, old.weights))


def mean_image(decode: Callable[[Array], Images], codes: NDArray[np.float64], weights: NDArray[np.float64]) -> Images:
    """Of the images of several codes ``(n, r, d)``, weighted ``(n, r)``: ``(n, 28, 28)``.

    It errs less than the image of the mean code; images of little weight are left out.
    """
    target, which = np.nonzero(weights >= np.minimum(NEGLIGIBLE, weights.max(axis=1, keepdims=True)))
    share = weights[target, which]
    share /= np.bincount(target, share)[target]
    images = decode(codes[target, which].astype(np.float32)) * share[:, None, None].astype(np.float32)
    return np.asarray(np.add.reduceat(images, np.searchsorted(target, np.arange(len(codes))), axis=0))


def _search(
    config: AttackConfig,
    subject: Subject,
    policy: OutputPolicy,
    own: Known,
    learnt: Array,
    seen: Array,
    seed: int,
) -> Iterator[Rebuilt]:
    """The attacks that search codes."""
    if policy.config.name is PolicyName.noisy:
        # A query is a code: there is no image to hash, and the class is all that an answer tells.
        policy = OutputPolicy(replace(policy.config, name=PolicyName.label))
        learnt, seen = answers(policy, learnt), answers(policy, seen)
    said, sought, labels = compared(policy, learnt), compared(policy, seen), seen.argmax(axis=1)
    settings = {"queries": config.queries, "restarts": config.restarts, "iterations": config.iterations, "seed": seed}

    def scores(codes: Array) -> Array:
        return compared(policy, answers(policy, subject.logits(codes)))

    mixtures = fit_mixtures(own.codes, said, learnt.argmax(axis=1), components=config.components, seed=seed)
    found = climb(scores, mixtures, sought, labels, **settings)
    yield Rebuilt("hill climbing", True, found.queries, mean_image(subject.decoded, found.codes, found.weights))
    if policy.config.name is not PolicyName.logits:
        return
    components = PCA(min(subject.width, *own.flat.shape), svd_solver="randomized", random_state=seed).fit(own.flat)

    def image(codes: Array) -> Images:
        return np.asarray(np.clip(components.inverse_transform(codes), 0, 1), np.float32).reshape(-1, SIDE, SIDE)

    plain = components.transform(own.flat).astype(np.float32)
    prior = fit_mixtures(plain, said, own.logits.argmax(axis=1), components=config.components, seed=seed)
    found = climb(lambda codes: subject.asked(image(codes)), prior, sought, labels, **settings)
    yield Rebuilt("hill climbing, encoder unknown", False, found.queries, mean_image(image, found.codes, found.weights))
    if linear := subject.linear():
        codes, weights = linear_posterior(mixtures, *linear, seen, config.restarts)
        yield Rebuilt("closed-form posterior", True, 0, mean_image(subject.decoded, codes, weights))
        single = fit_mixtures(own.codes, said, learnt.argmax(axis=1), components=1, seed=seed)
        codes, weights = linear_posterior(single, *linear, seen, 1)
        yield Rebuilt("closed form, one Gaussian a class", True, 0, mean_image(subject.decoded, codes, weights))
