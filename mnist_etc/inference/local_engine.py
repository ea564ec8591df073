"""Parts answered one after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import open_classifier, select_model
from mnist_etc.inference.shards import Shard, classify_shard

__all__ = ["answer"]


def answer(config: InferCommand, shards: Sequence[Shard]) -> Iterator[str]:
    """See `mnist_etc.inference.engines.InferenceEngine`."""
    model = select_model(config)
    with open_classifier(config, model) as classifier:
        for shard in shards:
            yield classify_shard(config, model, classifier, shard)
