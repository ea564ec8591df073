"""The configurations that a search compares, each served from a repository of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from mnist_etc.export.config import InputType, TritonConfig, Variant
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.config import Server, ServingConfig, TuneCommand
from mnist_etc.serving.server import TritonServer

__all__ = ["Candidate", "Graphs", "candidates", "served"]

Graphs = Mapping[tuple[InputType, Variant], bytes]
"""ONNX models to serve."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One point of the search."""

    instances: int
    intra_op_threads: int
    max_queue_delay_microseconds: int
    preferred_batch_size: int
    """0: none."""
    input_type: InputType
    variant: Variant

    @property
    def name(self) -> str:
        """As tables and the record of the measurements call it."""
        threads = self.intra_op_threads or "unset"
        preferred = f" preferring {self.preferred_batch_size}" if self.preferred_batch_size else ""
        return (
            f"{self.instances} x {threads} threads, delay {self.max_queue_delay_microseconds}{preferred}, "
            f"{self.input_type.value}{', int8' * (self.variant is Variant.int8)}"
        )

    def config(self, base: TritonConfig) -> ModelConfig:
        """``base`` with what this candidate sets."""
        triton = replace(
            base,
            instances=self.instances,
            intra_op_threads=self.intra_op_threads,
            max_queue_delay_microseconds=self.max_queue_delay_microseconds,
            preferred_batch_size=[self.preferred_batch_size] if self.preferred_batch_size else [],
        )
        return ModelConfig(triton=triton, input_type=self.input_type, policy="logits", version=1)

    def overrides(self) -> str:
        """What ``python -m mnist_etc.export`` takes to publish it."""
        preferred = [self.preferred_batch_size] if self.preferred_batch_size else []
        return (
            f"triton.instances={self.instances} triton.intra_op_threads={self.intra_op_threads} "
            f"triton.max_queue_delay_microseconds={self.max_queue_delay_microseconds} "
            f"triton.preferred_batch_size={preferred} input_type={self.input_type.value} variant={self.variant.value}"
        )


def candidates(command: TuneCommand) -> list[Candidate]:
    """Every combination, but for preferred batch sizes without a delay, for which nothing would wait."""
    return [
        Candidate(
            instances=instances,
            intra_op_threads=threads,
            max_queue_delay_microseconds=delay,
            preferred_batch_size=preferred,
            input_type=kind,
            variant=variant,
        )
        for instances, threads, delay, preferred, kind, variant in product(
            command.instances,
            command.intra_op_threads,
            command.max_queue_delay_microseconds,
            command.preferred_batch_size,
            command.input_type,
            command.variant,
        )
        if delay or not preferred
    ]


@contextmanager
def served(config: ModelConfig, model: bytes, serving: ServingConfig) -> Iterator[TritonServer]:
    """A server of ``model`` alone, on the ports of ``serving``."""

    def write(path: Path) -> None:
        path.write_bytes(model)

    with tempfile.TemporaryDirectory(prefix="mnist_etc_tune_") as folder:
        repository = Path(folder) / "models"
        ModelRepository(repository).publish(write, config, {})
        own = replace(serving, repository=str(repository), server=Server.local, poll_seconds=0)
        with TritonServer(own, quiet=True) as server:
            yield server
