"""What a training's checkpoint belongs to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mnist_etc.privacy.guarantee import Stage

__all__ = ["checkpoint_key"]


def checkpoint_key(
    settings: Mapping[str, Any], dataset_sha256: str, stages: Sequence[Stage], sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a checkpoint belongs to, as plain JSON types.

    A private training on another encoder, or of another plan, is one of its own: it shares neither weights nor seeds.

    Args:
        settings: what `mnist_etc.artifacts.fingerprint.configuration` returned.
        dataset_sha256: of the data.
        stages: private ones up to this training.
        sources: sha256 of each file the training starts from, by name.
    """
    return {
        "configuration": dict(settings),
        "dataset_sha256": dataset_sha256,
        "sources": dict(sources or {}),
        "stages": [dataclasses.asdict(stage) for stage in stages],
    }
