"""STRATEGIES, the table of query strategies: add a row, and ``labels.strategy`` may name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.errors import LabelError
from mnist_etc.registry import Registry, resolve

if TYPE_CHECKING:
    from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["STRATEGIES", "Strategy", "ask"]


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A row of `STRATEGIES`."""

    help: str
    source: str
    """Where it is from: authors, year, arXiv's number or the conference."""
    implementation: str | Callable[[Pool, int], Choice]
    """``module:function``, or the function, which takes a pool and how many to choose."""
    needs_probabilities: bool = False
    """Of a classifier. Where there is none yet, `ask` has others choose."""

    def choose(self, pool: Pool, k: int) -> Choice:
        """Choose ``k`` images that were not asked about, the same ones for the same pool and seed.

        Raises:
            LabelError: so many are not left.
            ValueError: it needs probabilities and the pool has none, see `ask`; or the implementation chose too few,
                one twice, or one asked before.
        """
        left = pool.left
        if not 1 <= k <= len(left):
            raise LabelError(
                f"Expected 1 to {len(left):,} questions, as many as images are left without a label; received {k:,}. "
                "Ask fewer, or add images."
            )
        choice: Choice = resolve(self.implementation)(pool, k)
        if len(np.intersect1d(choice.indices, left)) != k or len(choice.indices) != k:
            raise ValueError(f"Expected {k} new images, none twice; received {choice.indices.tolist()}.")
        return choice


STRATEGIES: Registry[Strategy] = Registry("query strategy")


def ask(name: str, pool: Pool, k: int, *, labels: int) -> tuple[str, Choice]:
    """Choose ``k`` images by the strategy ``name``, whose first questions others choose where it needs a classifier.

    Those others are ``spectral`` where there will be a label a class or fewer, and else ``centers``.

    Args:
        name: of the strategy.
        pool: the images.
        k: how many to choose.
        labels: how many there will be once these questions, and those that wait already, are answered.

    Returns:
        The name of the strategy that chose, and its choice.

    Raises:
        LabelError: so many images are not left.
    """
    if STRATEGIES[name].needs_probabilities and pool.probabilities is None:
        name = "spectral" if labels <= pool.classes else "centers"
    return name, STRATEGIES[name].choose(pool, k)


STRATEGIES.add(
    "random",
    Strategy(
        help="by chance: what every other one is held against",
        source="none",
        implementation="mnist_etc.labels.strategies.random:choose",
    ),
)
STRATEGIES.add(
    "entropy",
    Strategy(
        help="the largest entropy of the probabilities",
        source="Settles 2009, Active Learning Literature Survey, section 3.1",
        implementation="mnist_etc.labels.strategies.uncertainty:by_entropy",
        needs_probabilities=True,
    ),
)
STRATEGIES.add(
    "margin",
    Strategy(
        help="the smallest difference of the two largest probabilities",
        source="Scheffer, Decomain and Wrobel 2001 (IDA)",
        implementation="mnist_etc.labels.strategies.uncertainty:by_margin",
        needs_probabilities=True,
    ),
)
STRATEGIES.add(
    "least_confident",
    Strategy(
        help="the smallest largest probability",
        source="Lewis and Gale 1994 (SIGIR)",
        implementation="mnist_etc.labels.strategies.uncertainty:by_least_confidence",
        needs_probabilities=True,
    ),
)
STRATEGIES.add(
    "typiclust",
    Strategy(
        help="the most typical image of each cluster without a label",
        source="Hacohen, Dekel and Weinshall 2022, arXiv:2202.02794",
        implementation="mnist_etc.labels.strategies.typiclust:choose",
    ),
)
STRATEGIES.add(
    "centers",
    Strategy(
        help="the image nearest to the center of each cluster without a label",
        source="Kang, Ryu and Kwon 2004 (PAKDD)",
        implementation="mnist_etc.labels.strategies.centers:choose",
    ),
)
STRATEGIES.add(
    "coreset",
    Strategy(
        help="the images farthest from all that were asked about",
        source="Sener and Savarese 2018, arXiv:1708.00489",
        implementation="mnist_etc.labels.strategies.coreset:choose",
    ),
)
STRATEGIES.add(
    "badge",
    Strategy(
        help="gradients that are long and point different ways",
        source="Ash et al. 2020, arXiv:1906.03671",
        implementation="mnist_etc.labels.strategies.badge:choose",
        needs_probabilities=True,
    ),
)
STRATEGIES.add(
    "probcover",
    Strategy(
        help="the images with the most others near them",
        source="Yehuda et al. 2022, arXiv:2205.11320",
        implementation="mnist_etc.labels.strategies.probcover:choose",
    ),
)
STRATEGIES.add(
    "cluster_margin",
    Strategy(
        help="small margins, spread over clusters",
        source="Zhdanov 2019, arXiv:1901.05954",
        implementation="mnist_etc.labels.strategies.cluster_margin:choose",
        needs_probabilities=True,
    ),
)
STRATEGIES.add(
    "spectral",
    Strategy(
        help="typiclust on the graph of neighbours: for one or two labels a class",
        source="Ng, Jordan and Weiss 2001 (NIPS), and typiclust's",
        implementation="mnist_etc.labels.strategies.spectral:choose",
    ),
)
