"""Parts answered one after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import SelectedModel
from mnist_etc.inference.shards import Shard, ShardClassifier

__all__ = ["answer"]


def answer(config: InferCommand, model: SelectedModel, shards: Sequence[Shard]) -> Iterator[str]:
    """See `mnist_etc.inference.engines.InferenceEngine`."""
    classifier = ShardClassifier(config, model)
    yield from map(classifier.answer, shards)
