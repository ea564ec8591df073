"""Whether answers of late are spread as they were on the validation images: counts, PSI and a chi-squared test.

Every count is of something that an answer itself says, so whoever reads the counts learns no more of an image than
whoever has the answer about it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ArtifactError
from mnist_etc.evaluation.familiarity import Familiarity

__all__ = [
    "ALARM_P",
    "ALARM_PSI",
    "LEAST_IMAGES",
    "REFERENCE",
    "Comparison",
    "Counts",
    "Reference",
    "Scale",
    "compare",
    "read_counts",
]

REFERENCE = "reference"
"""Key of what `Reference.plain` gives, in the manifest of a published version."""
FEW = 32
"""Different confidences that are counted one by one."""
PARTS = 10
"""Of as many validation images each, into which more confidences, and distances, are cut."""
ALARM_PSI = 0.1
"""Population stability index from which a spread is another: 0.1 a small shift, 0.25 a large one (Siddiqi 2006)."""
ALARM_P = 0.001
"""Probability of so great a difference by chance, below which it is no chance."""
LEAST_IMAGES = 100
"""Answers below which nothing is said."""
EXPECTED = 5
"""Answers that a bin is expected to hold, at least; those of fewer are taken together (Cochran 1954)."""
SMOOTHING = 0.5
"""Added to each count before a logarithm is taken of it."""
CLASS, CONFIDENCE, DISTANCE = "class", "confidence", "distance"
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Counts:
    """How many answers were in each bin, by what is counted: ``class``, ``confidence`` and, of logits, ``distance``."""

    bins: Mapping[str, Whole]

    @property
    def images(self) -> int:
        """Answers in all."""
        return int(self.bins[CLASS].sum())

    def __add__(self, other: Counts) -> Counts:
        """Of both together."""
        return Counts(bins={name: mine + other.bins[name] for name, mine in self.bins.items()})

    def plain(self) -> dict[str, list[int]]:
        """As JSON."""
        return {name: counts.tolist() for name, counts in self.bins.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Scale:
    """Where the bins of a number part."""

    edges: NDArray[np.float64]
    """Ascending ``(bins - 1,)``."""

    @classmethod
    def of(cls, values: NDArray[np.floating[Any]]) -> Self:
        """A bin for each value where there are few; else of as many values each."""
        distinct = np.unique(values).astype(np.float64)
        if len(distinct) <= FEW:
            return cls(edges=(distinct[1:] + distinct[:-1]) / 2)
        edges = np.unique(np.quantile(values.astype(np.float64), np.arange(1, PARTS) / PARTS))
        return cls(edges=edges[edges > distinct[0]])

    @property
    def words(self) -> list[str]:
        """The bins from the lowest on."""
        if not len(self.edges):
            return ["all"]
        told = [f"{edge:.4g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(told)]
        return [f"below {told[0]}", *between, f"from {told[-1]}"]

    def count(self, values: NDArray[np.floating[Any]]) -> Whole:
        """How many of ``values`` ``(n,)`` lie in each bin."""
        place = np.searchsorted(self.edges, values, side="right")
        return np.asarray(np.bincount(place, minlength=len(self.edges) + 1), np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reference:
    """The answers of a published version about its validation images: what later ones are held against."""

    names: tuple[str, ...]
    """Of the classes."""
    scales: Mapping[str, Scale]
    """Of ``confidence`` and, where answers are logits, ``distance``."""
    counts: Counts
    typical_logit: float
    least_logit: float
    """See `Familiarity`; of other answers than logits both are 0."""

    @classmethod
    def measure(cls, answers: NDArray[np.float32], names: tuple[str, ...], *, logits: bool) -> Self:
        """From the answers ``(n, classes)`` about validation images.

        Args:
            answers: as they are sent.
            names: of the classes.
            logits: whether they are logits, which alone tell how far an image is from the training data.
        """
        known = Familiarity.measure(answers) if logits else Familiarity(typical_logit=0, least_logit=0)
        numbers = _numbers(answers, known if logits else None)
        scales = {name: Scale.of(values) for name, values in numbers.items()}
        counts = {name: scales[name].count(values) for name, values in numbers.items()}
        counts = {CLASS: np.bincount(answers.argmax(axis=1), minlength=len(names)), **counts}
        return cls(names=names, scales=scales, counts=Counts(bins=counts), **known.figures())

    def count(self, answers: NDArray[np.float32]) -> Counts:
        """Of answers ``(n, classes)`` of the same version."""
        known = Familiarity(typical_logit=self.typical_logit, least_logit=self.least_logit)
        numbers = _numbers(answers, known if DISTANCE in self.scales else None)
        bins = {name: self.scales[name].count(values) for name, values in numbers.items()}
        return Counts(bins={CLASS: np.bincount(answers.argmax(axis=1), minlength=len(self.names)), **bins})

    def same(self, other: Reference) -> bool:
        """Whether counts of both can be added."""
        return self is other or (self.names == other.names and self.plain() == other.plain())

    def nothing(self) -> Counts:
        """Of no answer."""
        return Counts(bins={name: np.zeros_like(counts) for name, counts in self.counts.bins.items()})

    def words(self, name: str) -> list[str]:
        """What the bins of ``name`` are called."""
        return list(self.names) if name == CLASS else self.scales[name].words

    def plain(self) -> dict[str, Any]:
        """For a manifest, as JSON."""
        return {
            "counts": self.counts.plain(),
            "edges": {name: scale.edges.tolist() for name, scale in self.scales.items()},
            "typical_logit": self.typical_logit,
            "least_logit": self.least_logit,
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any], names: tuple[str, ...]) -> Self:
        """What `plain` wrote.

        Raises:
            ArtifactError: it is of another form.
        """
        try:
            scales = {str(name): Scale(edges=np.array(edges, np.float64)) for name, edges in plain["edges"].items()}
            one = cls(
                names=names,
                scales=scales,
                counts=read_counts(plain["counts"]),
                typical_logit=float(plain["typical_logit"]),
                least_logit=float(plain["least_logit"]),
            )
            sizes = {CLASS: len(names), **{name: len(scale.edges) + 1 for name, scale in scales.items()}}
            if {name: len(counts) for name, counts in one.counts.bins.items()} != sizes:
                raise ValueError(f"bins {sizes}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(
                f"Expected what answers about the validation images were like; received: {error!r}. Publish again: "
                "python -m mnist_etc.export"
            ) from error
        return one


def read_counts(plain: Mapping[str, Any]) -> Counts:
    """What `Counts.plain` wrote; raises ValueError or TypeError where it is of another form."""
    bins = {str(name): np.array(counts, np.int64) for name, counts in plain.items()}
    if CLASS not in bins or any(counts.ndim != 1 or (counts < 0).any() for counts in bins.values()):
        raise ValueError("counts of another form")
    return Counts(bins=bins)


def _numbers(answers: NDArray[np.float32], known: Familiarity | None) -> dict[str, NDArray[np.floating[Any]]]:
    """What is counted of each answer besides its class."""
    if known is None:
        return {CONFIDENCE: answers.max(axis=1)}
    powers = np.exp(answers - answers.max(axis=1, keepdims=True))
    none = np.zeros(len(answers))
    return {CONFIDENCE: 1 / powers.sum(axis=1), DISTANCE: known.distance(answers, none.tolist())}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of one thing that is counted."""

    images: int
    psi: float
    """Population stability index: the symmetrised Kullback-Leibler divergence of the two spreads, in nats."""
    p: float
    """Of Pearson's chi-squared test that both are draws from one spread."""

    @property
    def drifted(self) -> bool:
        """Whether the spread is another, and by more than chance."""
        return self.images >= LEAST_IMAGES and self.psi >= ALARM_PSI and self.p < ALARM_P

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "too few answers" if self.images < LEAST_IMAGES else "drift" if self.drifted else "as before"


def compare(now: Whole, before: Whole) -> Comparison:
    """Hold counts ``(bins,)`` against others of the same bins.

    Bins in which fewer than `EXPECTED` answers are due are one bin. PSI of counts c and r is the sum over bins of
    (c/n - r/m) ln((c/n) / (r/m)), each count half a one greater.
    """
    from scipy.stats import chi2

    due = before * (now.sum() / max(1, before.sum()))
    rare = due < EXPECTED
    pair = np.stack([np.append(side[~rare], side[rare].sum()) for side in (now, before)]).astype(np.float64)
    pair = pair[:, pair.sum(axis=0) > 0]
    images, bins = int(now.sum()), pair.shape[1]
    if bins < 2 or not pair.sum(axis=1).all():
        return Comparison(images=images, psi=0, p=1)
    shares = (pair + SMOOTHING) / (pair + SMOOTHING).sum(axis=1, keepdims=True)
    psi = float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())
    expected = pair.sum(axis=1, keepdims=True) * pair.sum(axis=0) / pair.sum()
    p = float(chi2.sf(((pair - expected) ** 2 / expected).sum(), bins - 1))
    return Comparison(images=images, psi=max(0.0, psi), p=p if math.isfinite(p) else 1.0)
