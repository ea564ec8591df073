"""Triton on this machine, with the server that needs no Docker: the tuned configuration beside others, in one sitting.

Rounds in turn; perf_analyzer runs on the same cores. Three questions: what tuning gives, how near the network comes to
what the model alone can do, and why more instances are slower where each has its own pool of threads.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime
from common import ROOT, machine, progress, ratios, spread, table, versions, write_results

sys.path.insert(0, str(ROOT))

from mnist_etc.composition import compose
from mnist_etc.export.config import InputType
from mnist_etc.export.model_config import ModelConfig, decode
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.serving.config import ServeCommand, ServingConfig
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.tuning.candidates import serve_alone
from mnist_etc.serving.tuning.measurement import Measurement, Workload, measure

OLD = {"four instances, delay 500, threads unset": (4, 500), "one instance, delay 500, threads unset": (1, 500)}
PROTOCOLS = {"HTTP": WireProtocol.http, "gRPC": WireProtocol.grpc, "shared memory": WireProtocol.shm}
TUNED, LIMIT = "tuned", "ONNX Runtime in process, 2 threads, batches of 512"
Cells = dict[tuple[str, str], list[Measurement]]


class Sitting:
    """Where and how everything is measured."""

    def __init__(self, model: Path, tuned: ModelConfig, serving: ServingConfig, milliseconds: int) -> None:
        full = onnx.load(model)
        self.graphs = {
            kind: build_serving_graph(full, kind).SerializeToString(deterministic=True) for kind in InputType
        }
        self.tuned, self.serving, self.milliseconds = tuned, serving, milliseconds

    def variant(self, **changes: Any) -> ModelConfig:
        """The tuned configuration with other values."""
        return replace(self.tuned, triton=replace(self.tuned.triton, **changes))

    def measure(self, config: ModelConfig, *workloads: Workload) -> list[Measurement]:
        """A server of ``config``, put under each workload."""
        with serve_alone(config, self.graphs[config.input_type], self.serving) as server:
            return [measure(server, replace(workload, milliseconds=self.milliseconds)) for workload in workloads]

    def in_process(self) -> float:
        """Images a second of the float32 graph in ONNX Runtime."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        session = onnxruntime.InferenceSession(
            self.graphs[InputType.float32], options, providers=["CPUExecutionProvider"]
        )
        images = np.random.default_rng(0).random((512, 28, 28, 1), np.float32)
        session.run(None, {"input": images})
        runs, start = 0, time.perf_counter()
        while (seconds := time.perf_counter() - start) < self.milliseconds / 1000:
            session.run(None, {"input": images})
            runs += 1
        return 512 * runs / seconds


def tuning(sitting: Sitting, rounds: int) -> str:
    """The tuned configuration over the old ones at concurrency 20, and p99 at half of the highest throughput."""
    others = {
        name: replace(
            sitting.variant(
                instances=count, max_queue_delay_microseconds=delay, intra_op_threads=0, inter_op_threads=0,
                preferred_batch_size=[],
            ),
            input_type=InputType.float32,
        )
        for name, (count, delay) in OLD.items()
    }  # fmt: skip
    cells: dict[str, list[Measurement]] = {name: [] for name in (TUNED, *others)}
    for number in range(rounds):
        for name, config in [(TUNED, sitting.tuned), *others.items()][:: 1 if number % 2 else -1]:
            cells[name] += sitting.measure(config, Workload(concurrency=20))
            progress(f"{name}: {cells[name][-1].images_per_second:,.0f} infer/s")
    half = int(max(one.images_per_second for one in cells[TUNED]) / 2)
    calm = [sitting.measure(sitting.tuned, Workload(rate=half))[0] for _ in range(rounds)]
    speeds = {name: [one.images_per_second for one in several] for name, several in cells.items()}
    rows = [
        [
            name,
            spread(speeds[name]),
            spread(ratios(speeds[TUNED], speeds[name]), ".2f"),
            spread([one.p99 / 1000 for one in several], ".1f"),
            f"{median(one.mean_batch for one in several):.1f}",
            f"{median(one.cpu_per_image for one in several):,.0f}",
        ]
        for name, several in cells.items()
    ]
    head = ["configuration", "infer/s", "tuned over it", "p99 ms", "mean batch", "CPU µs an image"]
    return (
        f"## Tuned over what stood before: one image a request, HTTP, concurrency 20\n\n{table(head, rows)}\n\n"
        f"At half of the tuned one's highest throughput, {half:,} requests a second: p99 "
        f"{spread([one.p99 / 1000 for one in calm], '.2f')} ms, "
        f"p50 {spread([one.p50 / 1000 for one in calm], '.2f')} ms."
    )


def network(sitting: Sitting, rounds: int) -> str:
    """64 uint8 images a request over the model's own limit.

    Such a request is a full batch already, so nothing is gained where requests pile up: two instances, one a core.
    """
    config = replace(sitting.variant(instances=2), input_type=InputType.uint8)
    workloads = {
        name: Workload(concurrency=4, batch_size=64, protocol=protocol) for name, protocol in PROTOCOLS.items()
    }
    cells: dict[str, list[float]] = {name: [] for name in (LIMIT, *workloads)}
    for _ in range(rounds):
        cells[LIMIT].append(sitting.in_process())
        for name, one in zip(workloads, sitting.measure(config, *workloads.values()), strict=True):
            cells[name].append(one.images_per_second)
        progress(", ".join(f"{name} {speeds[-1]:,.0f}" for name, speeds in cells.items()))
    rows = [[name, spread(speeds), spread(ratios(speeds, cells[LIMIT]), ".2f")] for name, speeds in cells.items()]
    head = "## 64 uint8 images a request, 4 requests in flight, two instances"
    return f"{head}\n\n{table(['way', 'images/s', 'over the limit'], rows)}"


def instances(sitting: Sitting, rounds: int) -> str:
    """Instances, threads and delay, one at a time, at a low and a high concurrency."""
    levels = (5, 20)
    cells: dict[tuple[int, int, int, int, int], list[Measurement]] = {}
    configs = {
        (count, threads, delay, preferred): sitting.variant(
            instances=count,
            intra_op_threads=threads,
            max_queue_delay_microseconds=delay,
            preferred_batch_size=[preferred] if preferred else [],
        )
        for count in (1, 2, 4)
        for threads, delay, preferred in ((1, 0, 0), (0, 0, 0), (1, 500, 0), (1, 500, 8))
    }
    for key in list(configs) * rounds:
        for level, one in zip(
            levels, sitting.measure(configs[key], *(Workload(concurrency=level) for level in levels)), strict=True
        ):
            cells.setdefault((*key, level), []).append(one)
    rows = []
    for (count, threads, delay, preferred, level), several in sorted(cells.items(), key=lambda item: item[0][4]):
        figures = [
            ("images_per_second", ",.0f"),
            ("cpu_per_image", ",.0f"),
            ("cores_busy", ".2f"),
            ("mean_batch", ".1f"),
        ]
        values = [f"{median(getattr(one, name) for one in several):{form}}" for name, form in figures]
        rows.append(
            [str(level), str(count), str(threads or "unset"), f"{delay}", str(preferred or "none"), *values,
             f"{median(one.queue for one in several):,.0f}", f"{median(one.p99 for one in several) / 1000:.1f}"]
        )  # fmt: skip
    head = ["concurrency", "instances", "threads", "delay µs", "preferred", "infer/s", "CPU µs an image", "cores busy"]
    return f"## Why: instances, threads, delay\n\n{table([*head, 'mean batch', 'queue µs', 'p99 ms'], rows)}"


def main() -> None:
    """Measure and write ``benchmarks/results/triton.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a trained full model, .onnx")
    parser.add_argument("--config", type=Path, default=ROOT / "artifacts/tuning/config.pbtxt", help="the tuned one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=3000, help="of one measurement")
    arguments = parser.parse_args()
    here = machine()
    serving = compose("serve", ServeCommand, []).serving
    sitting = Sitting(arguments.model, decode(arguments.config.read_text()), serving, arguments.milliseconds)
    parts = [
        tuning(sitting, arguments.rounds),
        network(sitting, arguments.rounds),
        instances(sitting, max(2, arguments.rounds // 2)),
    ]
    write_results(
        "triton",
        "Triton, tuned",
        {"machine": here, "versions": f"tritonserver 2.51.0, {versions('onnxruntime', 'tritonclient')}"},
        f"{arguments.rounds} rounds in turn, {arguments.milliseconds} ms each; median (least to greatest).",
        *parts,
    )


if __name__ == "__main__":
    main()
