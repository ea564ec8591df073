"""Canaries, examples made to be recognized in a linear head's noised gradients, and the auditor who looks for them.

Each pair of a coordinate that no image uses and a label is one canary, so the gradients of two canaries are orthogonal,
or of cosine about -1/9 where they share the coordinate, and an image's reach a canary's through the bias alone. Before
clipping they are about ten times as long as the clip, so that a step that fails to clip them shows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.one_run import Guesses
from mnist_etc.data.dataset import CLASSES

__all__ = ["Auditor", "Canaries"]

Values = npt.NDArray[np.float32]

LEAST_SIZE = 10.0
"""Of the lit coordinate: the bias then has 1 % of the gradient, squared."""


class Canaries:
    """So many canaries.

    Args:
        count: how many.
        l2_norm_clip: of the training.
    """

    labels: npt.NDArray[np.int64]
    """``(count,)``."""

    def __init__(self, count: int, l2_norm_clip: float) -> None:
        self.labels = np.arange(count) % CLASSES
        self.coordinates = np.arange(count) // CLASSES
        """``(count,)``: which of the new coordinates is lit."""
        self.size = max(LEAST_SIZE, 10 * l2_norm_clip)
        """Value of the lit coordinate."""
        self._clip = l2_norm_clip

    def __len__(self) -> int:
        return len(self.labels)

    def beside(self, features: Values) -> Values:
        """The canaries' features below those of images ``(images, n)``, the new coordinates to the right of theirs."""
        images, used = features.shape
        both = np.zeros((images + len(self), used + math.ceil(len(self) / CLASSES)), np.float32)
        both[:images, :used] = features
        both[images + np.arange(len(self)), used + self.coordinates] = self.size
        return both

    def gradients(self, kernel: Values, bias: Values) -> Values:
        """What each canary gives its lit row of the kernel, clipped, in units of the clip: ``(canaries, 10)``.

        Args:
            kernel: the rows of the new coordinates, ``(coordinates, 10)``.
            bias: ``(10,)``.
        """
        logits = self.size * kernel[self.coordinates] + bias
        residuals = np.exp(logits - logits.max(1, keepdims=True))
        residuals /= residuals.sum(1, keepdims=True)
        residuals[np.arange(len(self)), self.labels] -= 1
        norms = np.linalg.norm(residuals, axis=1, keepdims=True) * math.hypot(self.size, 1)
        clipped: Values = (self.size * residuals / np.maximum(norms, self._clip)).astype(np.float32, copy=False)
        return clipped


class Auditor:
    """Sees the weights and the noised gradient of every step; knows the training but not its coins, sample and noise.

    Its evidence for a canary is the logarithm of the likelihood ratio of the gradient along the canary's own, summed
    over the steps, under the sampling and the noise that are stated.
    """

    def __init__(
        self, canaries: Canaries, *, l2_norm_clip: float, sampling_rate: float, noise_multiplier: float
    ) -> None:
        self._canaries, self._clip = canaries, l2_norm_clip
        self._rate, self._noise = sampling_rate, noise_multiplier
        self.evidence = np.zeros(len(canaries))
        """``(canaries,)``: the higher, the likelier it took part."""

    def observe(self, kernel: Values, bias: Values, noised: Values) -> None:
        """One step.

        Args:
            kernel: before the step, ``(inputs, 10)``.
            bias: before the step, ``(10,)``.
            noised: sum of clipped gradients and noise, the kernel's first, ``((inputs + 1) * 10,)``.
        """
        new = int(self._canaries.coordinates[-1]) + 1
        expected = self._canaries.gradients(kernel[-new:], bias).astype(np.float64)
        seen = noised[: kernel.size].reshape(kernel.shape)[-new:][self._canaries.coordinates] / self._clip
        ratio = (2 * (seen * expected).sum(1) - np.square(expected).sum(1)) / (2 * self._noise**2)
        with np.errstate(divide="ignore"):
            self.evidence += np.logaddexp(np.log1p(-self._rate), np.log(self._rate) + ratio)

    def guess(self, included: npt.NDArray[np.bool_], guesses: int) -> Guesses:
        """Call those of most evidence included and as many of least evidence left out, and count what is right.

        Args:
            included: the coins, ``(canaries,)``.
            guesses: how many coins are guessed.
        """
        order = np.argsort(self.evidence, kind="stable")
        inside, outside = order[len(order) - (guesses + 1) // 2 :], order[: guesses // 2]
        correct = int(included[inside].sum() + (~included[outside]).sum())
        return Guesses(canaries=len(order), made=guesses, correct=correct)
