"""The release of second moments, audited: unit vectors as canaries, each at right angles to the others.

The noise on a symmetric matrix is the same in every orthonormal basis. So ``x' M x`` shows of the canary ``x`` its own
part, 1 if it took part, noise of the stated deviation, and nothing of another canary; and a basis that no axis of the
features belongs to takes the noise off the diagonal to task as well as that on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.identity import identify
from mnist_etc.audit.one_run import Guesses, guess_all, independent_bound
from mnist_etc.audit.planted import PLANTED, Planted
from mnist_etc.data import Split
from mnist_etc.privacy.accounting import SampledGaussian, find_noise_multiplier, spent
from mnist_etc.privacy.seeds import Seeds

__all__ = ["MomentsFinding", "run_with_moments"]

RELEASES = 6
"""Each with coins, noise and a basis of its own, so as to have thousands of canaries."""
LONG = 10.0
"""Norm of a canary's row, which the release brings to 1."""
SHARED = 0.5
"""Cosine of the noise of two releases; of independent noise it is below 0.01."""
Values = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MomentsFinding:
    """What the guesses at the unit vectors say of the stated epsilon."""

    mechanism: SampledGaussian
    """One release."""
    stated: float
    """Epsilon of one release by the accountant."""
    guesses: Guesses
    """Of all the releases."""
    bound: float
    """`independent_bound` of them."""

    @property
    def is_refuted(self) -> bool:
        """Whether the release gives away more than is stated."""
        return self.bound >= self.stated


def run_with_moments(command: AuditCommand, images: Split, bug: PlantedBug | None = None) -> MomentsFinding:
    """Release moments of images and canaries, guess which canaries took part, and bound epsilon from below.

    After each release the canaries' owners take them back, and the moments of the images alone are released from other
    seeds: an auditor who sees both learns nothing more, unless they share their noise.

    Args:
        command: the settings.
        images: what else the moments are of.
        bug: what is done wrong.

    Raises:
        ConfigError: no noise multiplier keeps to the target.
    """
    from mnist_etc.audit.canaries import pixels

    privacy, features = command.privacy, pixels(images)
    noise = privacy.noise_multiplier or find_noise_multiplier(
        target_epsilon=privacy.target_epsilon or 0.0,
        delta=privacy.delta,
        sampling_rate=1.0,
        steps=1,
        accountant=privacy.accountant,
    )
    known = _moments(features)
    identity, rounds = identify(command, images), []
    for number in range(RELEASES):
        coins, first, second = (
            Seeds.draw(privacy.seed, {"name": f"moments {number} {which}", **identity}).moments
            for which in ("coins", "first", "second")
        )
        rounds.append(_round(features, known, noise, PLANTED[bug], coins, first, second))
    made, correct = sum(one.made for one in rounds), sum(one.correct for one in rounds)
    guesses = Guesses(canaries=made, made=made, correct=correct)
    mechanism = SampledGaussian(sampling_rate=1.0, noise_multiplier=noise, steps=1)
    accounted = privacy.delta, privacy.accountant
    return MomentsFinding(
        mechanism=mechanism,
        stated=spent([mechanism], *accounted),
        guesses=guesses,
        bound=independent_bound(guesses, mechanism, *accounted, command.confidence),
    )


def _round(
    features: Values,
    known: Matrix,
    noise_multiplier: float,
    planted: Planted,
    coins_seed: int,
    first_seed: int,
    second_seed: int,
) -> Guesses:
    """One release with canaries, one without, and the guesses at the first one's coins."""
    generator = np.random.default_rng(coins_seed)
    size = features.shape[1]
    basis = np.linalg.qr(generator.normal(size=(size, size)))[0].T
    coins = generator.random(size) < 0.5
    included = (LONG * coins[:, np.newaxis] * basis).astype(np.float32)
    first = planted.moments(np.concatenate([features, included]), noise_multiplier, first_seed)
    second = planted.moments(
        np.concatenate([features, np.zeros_like(included)]),
        noise_multiplier,
        planted.next_seed(first_seed, second_seed),
    )
    seen, other = first - known, second - known
    if (seen * other).sum() > SHARED * np.linalg.norm(seen) * np.linalg.norm(other):
        seen = seen - other
    return guess_all(((basis @ seen) * basis).sum(1) - 0.5, coins)


def _moments(features: Values) -> Matrix:
    rows = features.astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    moments: Matrix = rows.T @ rows
    return moments
