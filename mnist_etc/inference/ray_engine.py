"""Parts answered by actors of Ray, each with a session of its own, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import ray
import ray.data

from mnist_etc.errors import ConfigError
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import open_classifier, select_model
from mnist_etc.inference.shards import Shard, classify_shard

__all__ = ["answer"]

SECONDS = 5
"""For a connection."""
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Variables of Ray: nothing is sent to anybody, and no advice about accelerators is printed."""


def answer(config: InferCommand, shards: Sequence[Shard]) -> Iterator[str]:
    """See `mnist_etc.inference.engines.InferenceEngine`.

    Every node needs this package and the same paths, as on a shared file system.

    Raises:
        ConfigError: there is no cluster at ``config.ray.address``.
    """
    if not shards:
        return
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    _reach(config.ray.address)
    try:
        ray.init(config.ray.address, include_dashboard=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"Expected a Ray cluster at ray.address={config.ray.address}; received: {str(error).splitlines()[0]} "
            "Check the address, or pass ray.address=null for this machine."
        ) from error
    actors = max(1, min(len(shards), int(ray.cluster_resources().get("CPU", 1))))
    rows = ray.data.from_items([{"shard": number} for number in range(len(shards))], override_num_blocks=len(shards))
    told = rows.map(
        _Actor,
        fn_constructor_args=(replace(config, threads=config.threads or 1), list(shards)),
        concurrency=actors,
        num_cpus=1,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(ray.shutdown)
        for row in told.iter_rows():
            yield str(row["name"])


def _reach(address: str | None) -> None:
    """Refuse an address where nobody listens, for which Ray itself would wait five minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d{1,5})", address or "")
    if not found:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Expected a Ray cluster at ray.address={address}; received: {error}. Check the address, or pass "
            "ray.address=null for this machine."
        ) from error


class _Actor:
    """Holds one session of ONNX Runtime for all the parts that it answers."""

    def __init__(self, config: InferCommand, shards: Sequence[Shard]) -> None:
        self._config, self._shards, self._model = config, shards, select_model(config)
        self._stack = contextlib.ExitStack()
        self._classifier = self._stack.enter_context(open_classifier(config, self._model))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = self._shards[int(row["shard"])]
        return {"name": classify_shard(self._config, self._model, self._classifier, shard)}
