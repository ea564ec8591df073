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

__all__ = ["Candidate", "Graphs", "candidates", "serve_alone"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One configuration of the search."""

    instances: int
    intra_op_threads: int
    max_queue_delay_microseconds: int
    preferred_batch_size: int
    """0: none."""
    input_type: InputType
    variant: Variant

    @property
    def name(self) -> str:
        """The candidate's name in tables and among the trials."""
        threads = self.intra_op_threads or "unset"
        preferred = f" preferring {self.preferred_batch_size}" if self.preferred_batch_size else ""
        variant = "" if self.variant is Variant.float32 else f", {self.variant.value}"
        return (
            f"{self.instances} x {threads} threads, delay {self.max_queue_delay_microseconds}{preferred}, "
            f"{self.input_type.value}{variant}"
        )

    def config(self, base: TritonConfig) -> ModelConfig:
        """Set what this candidate is about in ``base``."""
        triton = replace(
            base,
            instances=self.instances,
            intra_op_threads=self.intra_op_threads,
            max_queue_delay_microseconds=self.max_queue_delay_microseconds,
            preferred_batch_size=[self.preferred_batch_size] if self.preferred_batch_size else [],
        )
        return ModelConfig(triton=triton, input_type=self.input_type, policy="logits", version=1)


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """One trained model in the forms that can be served, and what is common to them."""

    models: Mapping[tuple[InputType, Variant], bytes]
    """ONNX, as bytes."""
    names: tuple[str, ...]
    """Of the classes."""
    side: int
    """Pixels of each side of an image."""

    def config(self, candidate: Candidate, base: TritonConfig) -> ModelConfig:
        """As `Candidate.config`, of these classes and this side."""
        return replace(candidate.config(base), names=self.names, side=self.side)


def candidates(command: TuneCommand) -> list[Candidate]:
    """List every combination, but for preferred batch sizes without a delay, for which nothing would wait."""
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
def serve_alone(config: ModelConfig, model: bytes, serving: ServingConfig) -> Iterator[TritonServer]:
    """Serve ``model`` from a repository of its own, on the ports of ``serving``; yields the server once it is ready.

    Raises:
        ServingError: The server does not start.
    """

    def write(path: Path) -> None:
        path.write_bytes(model)

    with tempfile.TemporaryDirectory(prefix="mnist_etc_tune_") as folder:
        repository = Path(folder) / "models"
        ModelRepository(repository).publish(write, config, {})
        own = replace(serving, repository=str(repository), server=Server.local, poll_seconds=0)
        with TritonServer(own, quiet=True) as server:
            yield server
