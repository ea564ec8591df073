"""The schemas of ``conf/serve.yaml`` and ``conf/tune.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.errors import ConfigError
from mnist_etc.export.config import InputType, TritonConfig, Variant
from mnist_etc.schema import between, path

__all__ = ["ServeCommand", "Server", "ServingConfig", "TuneCommand", "WireProtocol"]


class WireProtocol(Enum):
    """The way that images reach a server."""

    http = "http"
    grpc = "grpc"
    shm = "shm"
    """gRPC, with the images in shared memory; server and client on one machine."""


class Server(Enum):
    """The way that Triton is run."""

    auto = "auto"
    """Docker where its engine answers, else local."""
    docker = "docker"
    """NVIDIA's container, by ``triton/docker-compose.yaml``."""
    local = "local"
    """The tritonserver of a wheel on PyPI; x86-64 Linux."""


@dataclass(kw_only=True)
class ServingConfig:
    """The settings of a server: where its models lie, and where it listens."""

    repository: str = path()
    """Triton's model repository."""
    server: Server
    address: str
    """To listen on; 127.0.0.1 is reached from this machine alone."""
    http_port: int = between(1, 65_535)
    grpc_port: int = between(1, 65_535)
    metrics_port: int = between(1, 65_535)
    poll_seconds: int = between(0, 86_400)
    """How often the repository is looked at for another version or configuration; 0: at the start alone."""
    backend_directory: str | None = path(null="this project's backend")
    """Of a C++ ONNX Runtime backend: the folder that holds ``onnxruntime/``; null: this project's, in Python."""
    cache: str = path()
    """Where tritonserver and perf_analyzer are unpacked, once."""
    ready_seconds: int = between(1, 3600)
    """How long it may take to start."""
    exit_seconds: int = between(0, 3600)
    """How long requests in flight may take to end after a stop was asked for."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        ports = [self.http_port, self.grpc_port, self.metrics_port]
        if len(set(ports)) < len(ports):
            raise ConfigError(f"Expected three different ports; received {ports}.")


@dataclass(kw_only=True)
class ServeCommand:
    """The keys of ``python -m mnist_etc.serving.triton``, which runs Triton until it is stopped."""

    serving: ServingConfig


@dataclass(kw_only=True)
class TuneCommand(TrainCommand):
    """The keys of ``python -m mnist_etc.serving.tune``, which searches the fastest configuration under a latency bound.

    The training keys choose the model; of every list each value is searched.
    """

    triton: TritonConfig
    """What is not searched."""
    serving: ServingConfig
    """Its ports are used; its repository is not: every candidate is served from a folder of its own."""
    output: str = path()
    """Folder of the tables, the plot and the winning config.pbtxt; a search that was stopped goes on from it."""
    concurrency: list[int] = between(1, 1024)
    """Requests in flight; the throughput at the last of them decides, the others are measured at the end."""
    p99_milliseconds: float = between(0.1, 60_000)
    """What the 99th percentile of the latency may be there."""
    instances: list[int] = between(1, 64)
    intra_op_threads: list[int] = between(0, 256)
    max_queue_delay_microseconds: list[int] = between(0, 10_000_000)
    preferred_batch_size: list[int] = between(0, 4096)
    """0: none; without a delay nothing waits for a preferred size, so only 0 is measured."""
    input_type: list[InputType]
    variant: list[Variant]
    rounds: int = between(2, 100)
    """In which the last candidates are measured, in turn."""
    survivors: int = between(2, 100)
    """How many candidates are left for that."""
    milliseconds: int = between(100, 60_000)
    """Of one measurement."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        threads_and_batches = ["intra_op_threads", "max_queue_delay_microseconds", "preferred_batch_size"]
        for name in ["concurrency", "instances", *threads_and_batches, "input_type", "variant"]:
            if not getattr(self, name):
                raise ConfigError(f"Expected {name} with at least one value; received [].")
        if max(self.preferred_batch_size) > self.triton.max_batch_size:
            raise ConfigError(
                f"Expected preferred_batch_size of at most triton.max_batch_size, {self.triton.max_batch_size}; "
                f"received {self.preferred_batch_size}."
            )
        if Variant.auto in self.variant:
            raise ConfigError("Expected variant of float32 and int8; received auto. The search itself compares them.")
