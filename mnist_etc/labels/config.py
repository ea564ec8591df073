"""The schema of ``labels``: how many are asked, which, of whom, and what is learned from them."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.errors import ConfigError
from mnist_etc.labels.strategies.registry import STRATEGIES
from mnist_etc.schema import between, one_of, text

__all__ = ["LabelsConfig"]


@dataclass(kw_only=True)
class LabelsConfig:
    """How a model comes by its labels; with a ``budget`` of null it knows them all, and asks nobody."""

    budget: int | None = None
    """Questions that may be asked in all, those of ``validation`` among them; null: the labels of all images are known,
    and no other key of ``labels`` counts."""
    url: str | None = text(null="a SQLite database in the folder of the run, made of the data", default=None)
    """Of the label database, as SQLAlchemy has it."""
    strategy: str = one_of(STRATEGIES, default="cluster_margin")
    """What chooses the questions. One that needs a classifier leaves the first ones to spectral, up to a label a
    class, or to centers."""
    start: int = between(1, 1_000_000, default=50)
    """Labels that are asked before the first classifier."""
    growth: float = between(1.01, 100, default=1.5)
    """Factor by which the labels grow from one question round to the next."""
    components: int = between(2, 4096, default=300)
    """Principal components of the features that questions are chosen by."""
    lessons: int = between(1, 100, default=2)
    """Fits of the network, each going on from the one before, which then teaches beside the regression."""
    lesson_epochs: int = between(1, 10_000, default=4)
    """Of each but the last, which takes ``model.epochs``."""
    network_share: float = between(0, 0.9, default=0)
    """Part of the budget that the network chooses the questions of, as much of it before each fit but the first."""
    temperature: float = between(0.05, 10, default=0.5)
    """The teacher's probabilities are taken to the power of its inverse: below 1 they become surer."""
    confidence: float = between(0, 1, default=0)
    """Images of which the teacher is less sure are not learned from."""
    certainty: float = between(0, 10, default=1)
    """Power of the teacher's confidence by which an image counts."""
    asked_share: float = between(0, 1, default=0.15)
    """Least part of what is learned from that the asked labels are, however few."""
    graph: int = between(0, 100_000, default=200)
    """Labels a class up to which the graph of nearest neighbours teaches beside the regression; 0: never."""
    balanced: bool = False
    """The classes are known to be of equal size, which a handful of labels gains much from."""
    validation: int = between(0, 1_000_000, default=0)
    """Labels of the budget that are asked at random, never learned from, and choose between settings."""
    wait: bool = True
    """Wait for people where nobody knows the labels; else the command ends, and goes on when it is started again."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.budget is not None and self.budget - self.validation < 2:
            raise ConfigError(
                f"Expected labels.budget of two labels or more to learn from, beside labels.validation="
                f"{self.validation}; received {self.budget}. Pass more."
            )
