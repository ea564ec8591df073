"""Triton beside MLServer, both with the same ONNX model: infer/s at concurrency 20 over gRPC, rounds in turn.

perf_analyzer asks for routes that MLServer lacks, so one client drives both: Triton's own for Python, asynchronous, in
a process of its own on the same cores. It takes a good part of them, which makes the two look nearer than they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from common import ROOT, machine, progress, ratios, spread, table, versions, write_results

sys.path.insert(0, str(ROOT))

from mnist_etc.composition import compose
from mnist_etc.export.config import MODEL, InputType
from mnist_etc.export.model_config import ModelConfig, decode
from mnist_etc.export.serving_graph import as_input, build_serving_graph
from mnist_etc.serving.config import ServeCommand
from mnist_etc.serving.transport.base import datatype
from mnist_etc.serving.tuning.candidates import serve_alone

CONCURRENCY, PORT = 20, 18601
MLSERVER, TRITON = "MLServer 1.7.0", "Triton, tuned, ONNX Runtime behind its Python backend"


@contextmanager
def mlserver(python: Path, model: bytes) -> Iterator[int]:
    """MLServer with adaptive batching as Triton's, in this process (parallel_workers 0) as it is fastest here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(model)
        settings: dict[str, object] = {"http_port": PORT + 1, "grpc_port": PORT, "metrics_port": PORT + 2}
        settings |= {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, "metrics_endpoint": None}
        (folder / "settings.json").write_text(json.dumps(settings))
        about: dict[str, object] = {"name": MODEL, "implementation": "mlserver_model.OnnxModel"}
        about |= {"parameters": {"uri": "model.onnx"}, "max_batch_size": 64, "max_batch_time": 0.0005}
        (folder / "model-settings.json").write_text(json.dumps(about))
        environment = os.environ | {"PYTHONPATH": str(ROOT / "benchmarks" / "peers")}
        command: list[str | Path] = [python, "-m", "mlserver.cli.main", "start", "."]
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                yield PORT
            finally:
                process.terminate()
                process.wait()
                if process.returncode not in (0, -15):
                    log.seek(0)
                    progress(log.read()[-1500:])


async def drive(port: int, kind: InputType, seconds: float) -> float:
    """Requests answered a second, `CONCURRENCY` in flight, each of one image."""
    from tritonclient.grpc import aio as client

    pixels = as_input(np.random.default_rng(0).integers(0, 255, (1, 28, 28), np.uint8), kind)
    given = client.InferInput("input", list(pixels.shape), datatype(pixels))
    given.set_data_from_numpy(pixels)
    async with client.InferenceServerClient(f"127.0.0.1:{port}") as server:
        deadline = time.monotonic() + 60
        while True:
            try:
                await server.infer(MODEL, [given])
                break
            except Exception:  # starting: gRPC errors of several kinds
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
        counted = 0
        end = time.perf_counter() + seconds

        async def one() -> None:
            nonlocal counted
            while time.perf_counter() < end:
                await server.infer(MODEL, [given])
                counted += 1

        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
        return counted / (time.perf_counter() - start)


def main() -> None:
    """Measure and write ``benchmarks/results/triton_mlserver.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a trained full model, .onnx")
    parser.add_argument("--config", type=Path, default=ROOT / "artifacts/tuning/config.pbtxt", help="the tuned one")
    parser.add_argument("--python", type=Path, required=True, help="an interpreter that has mlserver==1.7.0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    here, config = machine(), decode(arguments.config.read_text())
    config = replace(config, version=1)
    model = build_serving_graph(onnx.load(arguments.model), config.input_type).SerializeToString()
    speeds: dict[str, list[float]] = {TRITON: [], MLSERVER: []}
    for _ in range(arguments.rounds):
        speeds[TRITON].append(triton_speed(config, model, arguments.seconds))
        with mlserver(arguments.python, model) as port:
            speeds[MLSERVER].append(asyncio.run(drive(port, config.input_type, arguments.seconds)))
        progress(", ".join(f"{name} {several[-1]:,.0f}" for name, several in speeds.items()))
    rows = [[name, spread(several)] for name, several in speeds.items()]
    over = ratios(speeds[TRITON], speeds[MLSERVER])
    write_results(
        "triton_mlserver",
        "Triton beside MLServer",
        {
            "machine": here,
            "versions": f"tritonserver 2.51.0, mlserver 1.7.0, {versions('onnxruntime', 'tritonclient')}",
        },
        f"{arguments.rounds} rounds in turn, {arguments.seconds:g} s each: median (least to greatest). {__doc__}",
        table(["server", "infer/s"], rows),
        f"Triton over MLServer: {spread(over, '.2f')}, median {median(over):.2f}.",
    )


def triton_speed(config: ModelConfig, model: bytes, seconds: float) -> float:
    """Of this project's server."""
    with serve_alone(config, model, compose("serve", ServeCommand, []).serving) as server:
        return asyncio.run(drive(server.config.grpc_port, config.input_type, seconds))


if __name__ == "__main__":
    main()
