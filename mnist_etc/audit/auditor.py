"""Who looks for the canaries: in every noised sum of a training, or in the published weights alone.

The auditor knows the images, the settings and the initial weights; not the coins, the samples and the noise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.canaries import Canaries
from mnist_etc.privacy.guarantee import Stage

__all__ = ["Auditor", "evidence_in_weights"]

Values = npt.NDArray[np.float32]
Evidence = npt.NDArray[np.float64]

SAME = 1e-2
"""Of the noise's deviation: sums that differ by less are the same, but for rounding."""
SHARED = 0.5
"""Cosine of two steps' noised sums, or what the rows of one have in common; of independent noise it is below 0.1."""
LOOKED_AT = 1000
"""Canaries whose rows are looked at for shared noise, at most."""
JUMP = 0.25
"""Norm, squared, in units of the clip, of what cannot be the rest of two equal noises."""
CERTAIN, TINY = 1e6, 1e-12


class Auditor:
    """Sees the noised sum of every step of a training, also of those that a killed run did in vain.

    Args:
        canaries: among the examples.
        stage: of the training, as it is stated.
    """

    redrawn: int
    """Steps that a resumed run did again and otherwise than before: they were published twice and are counted once."""

    def __init__(self, canaries: Canaries, stage: Stage) -> None:
        self._canaries, self._stage = canaries, stage
        self._seen: dict[int, tuple[Values, Values]] = {}
        self._again: list[tuple[Values, Values]] = []
        self.redrawn = 0

    @property
    def steps(self) -> int:
        """That were seen, each number once."""
        return len(self._seen)

    def observe(self, step: int, kernel: Values, noised: Values) -> None:
        """One step; see `mnist_etc.audit.watched.Observe`."""
        count = len(self._canaries)
        seen = kernel[-count:].copy(), noised[-count:] / np.float32(self._stage.l2_norm_clip)
        if step not in self._seen:
            self._seen[step] = seen
        elif np.abs(self._seen[step][1] - seen[1]).max() > SAME * self._stage.noise_multiplier:
            self._again.append(seen)
            self.redrawn += 1

    def evidence(self) -> Evidence:
        """``(canaries,)``: above 0 where a canary is likelier to have taken part than not.

        The logarithm of the likelihood ratio of each sum along the canary's gradient, summed over the steps, under the
        sampling that is stated and the noise that is found at right angles to that gradient, where no coin shows.
        Noise that the rows of a step share is taken off before; steps that share their noise are subtracted from each
        other besides.
        """
        rate, seen = self._stage.sampling_rate, [*self._seen.values(), *self._again]
        seen = [(rows, _without_common_noise(noised)) for rows, noised in seen]
        expected = [self._canaries.gradients(rows) for rows, _ in seen]
        along = [(noised * one).sum(1) for one, (_, noised) in zip(expected, seen, strict=True)]
        squares = [np.square(one).sum(1) for one in expected]
        aside = sum(
            float(np.square(noised).sum() - (np.square(one) / np.maximum(square, TINY)).sum())
            for (_, noised), one, square in zip(seen, along, squares, strict=True)
        )
        others = expected[0].shape[1] - 1
        variance = max(aside / (len(seen) * len(self._canaries) * others), TINY)
        evidence = np.zeros(len(self._canaries))
        for one, square in zip(along, squares, strict=True):
            ratio = (2 * one - square).astype(np.float64) / (2 * variance)
            with np.errstate(divide="ignore"):
                evidence += np.logaddexp(np.log1p(-rate), np.log(rate) + ratio)
        for first, second in _sharing_noise([noised for _, noised in seen]):
            jumps = np.square(seen[first][1] - seen[second][1]).sum(1) > JUMP
            evidence += np.where(jumps, CERTAIN, np.log1p(-2 * rate * (1 - rate)))
        return evidence


def evidence_in_weights(canaries: Canaries, kernel: Values, drift: float) -> Evidence:
    """What the published weights alone say: ``(canaries,)``, above 0 where a canary is likelier to have taken part.

    Args:
        canaries: among the examples.
        kernel: published, ``(inputs, classes)``; it began at 0.
        drift: how far a canary that took part is expected to move its row against its first gradient.
    """
    rows = kernel[-len(canaries) :]
    moved: Evidence = -(rows * canaries.gradients(np.zeros_like(rows))).sum(1).astype(np.float64)
    return moved - drift / 2


def _without_common_noise(noised: Values) -> Values:
    """The rows less their mean where that is more than the mean of independent rows would be."""
    common = noised.mean(0)
    return noised - common if np.square(common).mean() > SHARED * np.square(noised).mean() else noised


def _sharing_noise(sums: list[Values]) -> list[tuple[int, int]]:
    """Each step that has an earlier one's noise, with that one."""
    flat = np.stack([one[:LOOKED_AT].ravel() for one in sums])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    alike = np.tril(flat @ flat.T > SHARED, -1)
    return [(int(np.argmax(row)), second) for second, row in enumerate(alike) if row.any()]
