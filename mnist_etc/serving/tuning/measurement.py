"""One measurement of a running server: perf_analyzer's figures, the batches that formed, and the CPU they took."""

from __future__ import annotations

import csv
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.export.model_config import decode
from mnist_etc.serving.launch import bracketed
from mnist_etc.serving.perf import perf_analyzer
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.server import TritonServer

__all__ = ["Measurement", "Workload", "measure"]

WINDOWS = 3
"""perf_analyzer takes as many at least; its figures are those of all together."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The requests that a server is measured under."""

    concurrency: int = 1
    """Requests in flight; not used where ``rate`` is given."""
    rate: int | None = None
    """Requests a second, sent at their time whether earlier ones are answered or not."""
    batch_size: int = 1
    """Images a request."""
    protocol: WireProtocol = WireProtocol.http
    milliseconds: int = 3000


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The figures of a server under one workload; latencies are in microseconds."""

    images_per_second: float
    p50: float
    p90: float
    p95: float
    p99: float
    queue: float
    """Mean time from arrival to a batch."""
    compute: float
    """Mean time inside the backend: the model, copies in and out."""
    network: float
    """Mean time of a request outside the server's scheduler: sending, HTTP or gRPC, receiving."""
    mean_batch: float
    """Mean images in a run of the model: nv_inference_count / nv_inference_exec_count."""
    cpu_per_image: float
    """CPU microseconds that the server and its backends spent on an image."""
    cores_busy: float
    """CPU cores that the server and its backends kept busy."""


def measure(server: TritonServer, workload: Workload) -> Measurement:
    """Put ``server`` under ``workload`` and measure it.

    Raises:
        ServingError: perf_analyzer failed; its last lines are stated.
    """
    program, environment = perf_analyzer(Path(server.config.cache).expanduser())
    port, protocol = _connection(server, workload)
    with tempfile.TemporaryDirectory(prefix="mnist_etc_perf_") as scratch:
        report = Path(scratch) / "report.csv"
        command = [program, "-m", MODEL, "-u", f"{bracketed(server.config.address)}:{port}", *protocol]
        command += ["-b", str(workload.batch_size), "-f", str(report), "-s", "1000", "-r", str(WINDOWS)]
        command += ["-p", str(max(1, workload.milliseconds // WINDOWS))]
        rate, concurrency = workload.rate, workload.concurrency
        command += ["--request-rate-range", str(rate)] if rate else ["--concurrency-range", str(concurrency)]
        images, runs, cpu = *_counted(server), server.cpu_seconds()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        cpu = server.cpu_seconds() - cpu
        images, runs = (after - before for after, before in zip(_counted(server), (images, runs), strict=True))
        if done.returncode or not report.is_file() or not images:
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise ServingError(f"perf_analyzer failed: {' '.join(said[-2:]).rstrip('.')}. Run the same command again.")
        with report.open(newline="") as file:
            row = next(csv.DictReader(file))
    return _measurement(row, mean_batch=images / runs, cpu_per_image=cpu / images)


def _connection(server: TritonServer, workload: Workload) -> tuple[int, list[str]]:
    """The port, and perf_analyzer's arguments."""
    match workload.protocol:
        case WireProtocol.http:
            return server.config.http_port, ["-i", "http"]
        case WireProtocol.grpc:
            return server.config.grpc_port, ["-i", "grpc"]
        case WireProtocol.shm:
            classes = len(decode((Path(server.config.repository) / MODEL / "config.pbtxt").read_text("utf-8")).names)
            size = workload.batch_size * classes * 4
            shared = ["--shared-memory", "system", "--output-shared-memory-size", str(size)]
            return server.config.grpc_port, ["-i", "grpc", *shared]
        case _:
            assert_never(workload.protocol)


def _measurement(row: dict[str, str], *, mean_batch: float, cpu_per_image: float) -> Measurement:
    def total(*names: str) -> float:
        return sum(float(row[name]) for name in names)

    return Measurement(
        images_per_second=float(row["Inferences/Second"]),
        p50=float(row["p50 latency"]),
        p90=float(row["p90 latency"]),
        p95=float(row["p95 latency"]),
        p99=float(row["p99 latency"]),
        queue=total("Server Queue"),
        compute=total("Server Compute Input", "Server Compute Infer", "Server Compute Output"),
        network=total("Client Send", "Network+Server Send/Recv", "Client Recv"),
        mean_batch=mean_batch,
        cpu_per_image=1e6 * cpu_per_image,
        cores_busy=float(row["Inferences/Second"]) * cpu_per_image,
    )


def _counted(server: TritonServer) -> tuple[float, float]:
    """Images and runs of the model so far, from the metrics that Prometheus reads."""
    url = f"http://{bracketed(server.config.address)}:{server.config.metrics_port}/metrics"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()

    def total(name: str) -> float:
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f'{name}{{model="{MODEL}"'))

    return total("nv_inference_count"), total("nv_inference_exec_count")
