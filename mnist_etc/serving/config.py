"""The schemas of ``conf/serve.yaml`` and ``conf/tune.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.errors import ConfigError
from mnist_etc.export.config import InputType, TritonConfig, Variant
from mnist_etc.schema import between, path

__all__ = ["ServeCommand", "Server", "ServingConfig", "TuneCommand"]


class Server(Enum):
    """The way that Triton is run."""

    auto = "auto"
    """Docker where its engine answers, else the server of a wheel."""
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
    """The address to listen on; 127.0.0.1 is reached from this machine alone."""
    http_port: int = between(1, 65_535)
    grpc_port: int = between(1, 65_535)
    metrics_port: int = between(1, 65_535)
    poll_seconds: int = between(0, 86_400)
    """Seconds between looks at the repository for another version or configuration; 0: only at the start."""
    backend_directory: str | None = path(null="this project's backend")
    """The folder that holds ``onnxruntime/``, a C++ ONNX Runtime backend; null: this project's own, in Python."""
    cache: str = path()
    """The folder where tritonserver and perf_analyzer are unpacked, once."""
    ready_seconds: int = between(1, 3600)
    """Seconds that the server may take to start."""
    exit_seconds: int = between(0, 3600)
    """Seconds that requests in flight may take to end after a stop was asked for."""

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
class TuneCommand(UseCommand):
    """The keys of ``python -m mnist_etc.serving.tune``, which searches the fastest configuration under a latency bound.

    The training keys choose the model; of every list each value is searched.
    """

    triton: TritonConfig
    """The settings that are not searched."""
    serving: ServingConfig
    """The server to measure on: its ports are used, its repository is not, since each candidate has its own."""
    output: str = path()
    """The folder of the tables, the plot and the winning config.pbtxt; a stopped search goes on from it."""
    concurrency: list[int] = between(1, 1024)
    """Numbers of requests in flight; the throughput at the last of them decides, the others are measured at the end."""
    p99_milliseconds: float = between(0.1, 60_000)
    """The bound on the 99th percentile of the latency at the last concurrency."""
    instances: list[int] = between(1, 64)
    intra_op_threads: list[int] = between(0, 256)
    max_queue_delay_microseconds: list[int] = between(0, 10_000_000)
    preferred_batch_size: list[int] = between(0, 4096)
    """Preferred batch sizes, 0 for none; without a delay nothing waits for one, so only 0 is measured."""
    input_type: list[InputType]
    variant: list[Variant]
    rounds: int = between(2, 100)
    """Rounds in which the last candidates are measured in turn."""
    survivors: int = between(2, 100)
    """The number of candidates that are left for the last rounds."""
    milliseconds: int = between(100, 60_000)
    """The length of one measurement."""

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
