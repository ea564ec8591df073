"""The HTTP service beside LitServe and BentoML, all with one ONNX file and one decoding, client on the same cores.

Each request holds one PNG of 28x28 from MNIST's test images; LitServe and BentoML get it as base64 in JSON, which is
what they read fastest, the service as it is. Rounds in turn; of each peer the better number of workers counts. Their
environment is of its own, with ``benchmarks/requirements.txt``.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from common import ROOT, machine, progress, ratios, spread, table, versions, write_results
from numpy.typing import NDArray
from PIL import Image

MODEL = ROOT / "mnist_etc" / "pretrained" / "served.onnx"
PEERS = ROOT / "benchmarks" / "peers"
OURS, PORT, CONCURRENCY, TOGETHER = "mnist_etc", 18611, 16, 64
IMAGES = 512


def images() -> NDArray[np.uint8]:
    """Of MNIST's test split."""
    path = Path(os.environ["MNIST_ETC_DATA"]) / "mnist" / "t10k-images-idx3-ubyte.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes())[16:], np.uint8).reshape(-1, 28, 28)[:IMAGES]


def png(image: NDArray[np.uint8]) -> bytes:
    """Its file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write_requests(path: Path, where: str, kind: str, bodies: list[bytes]) -> None:
    """A file as `http_load` reads it."""
    heads = [f"POST {where} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
             for body in bodies]  # fmt: skip
    whole = [head.encode() + body for head, body in zip(heads, bodies, strict=True)]
    path.write_bytes(b"".join(struct.pack(">I", len(one)) + one for one in whole))


@contextmanager
def server(
    command: list[str | Path], probe: str, environment: Mapping[str, str], cwd: Path
) -> Iterator[tuple[int, float]]:
    """A server's process id, and the seconds until it was ready."""
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while True:
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}{probe}") as answer:
                    if answer.status == 200:
                        break
                if process.poll() is not None or time.perf_counter() - start > 60:
                    log.seek(0)
                    sys.exit(f"{command} did not start: {log.read().decode(errors='replace')[-1500:]}")
                time.sleep(0.01)
            yield process.pid, time.perf_counter() - start
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # LitServe and BentoML are several processes
            process.wait()


def ours(python: Path, *words: str) -> Any:
    """This project's service."""
    own = [
        f"service.port={PORT}",
        "service.rate=100000000/second",
        "service.repository=/nonexistent",
        "service.keys=null",
    ]
    return server(
        [python, "-m", "mnist_etc.service", *own, *words],
        "/readyz",
        {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
        ROOT,
    )


def peer(name: str, python: Path, workers: int) -> Any:
    """LitServe or BentoML."""
    environment = {"BENTOML_WORKERS": str(workers), "DIGITS_MODEL": str(MODEL), "BENTOML_DO_NOT_TRACK": "1"}
    if name == "LitServe":
        return server([python, "litserve_service.py", MODEL, str(PORT), str(workers)], "/health", environment, PEERS)
    bento = ["-m", "bentoml", "serve", "bentoml_service:Digits", "--port", str(PORT), "--host", "127.0.0.1"]
    return server([python, *bento], "/readyz", environment, PEERS)


def load(requests: Path, seconds: float, connections: int = CONCURRENCY, rate: float = 0) -> dict[str, Any]:
    """What the client says; anything but 200 ends the benchmark."""
    client = [sys.executable, ROOT / "benchmarks" / "http_load.py", PORT, seconds, connections, rate, requests]
    told: dict[str, Any] = json.loads(subprocess.run([*map(str, client)], capture_output=True, check=True).stdout)
    if set(told["statuses"]) != {"200"}:
        sys.exit(f"Expected 200 alone; received {told['statuses']}.")
    return told


def alone(raw: NDArray[np.uint8], seconds: float) -> float:
    """Images a second of ONNX Runtime alone, `TOGETHER` a run, one thread, as the service has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    counted, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        session.run(["output"], {"input": raw[:TOGETHER, ..., None]})
        counted += TOGETHER
    return counted / (time.perf_counter() - start)


def peak(process: int) -> float:
    """MiB resident at most."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) / 1024


def main() -> None:
    """Measure and write ``benchmarks/results/service.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="an interpreter that has litserve and bentoml; without: no peers")
    parser.add_argument("--own-python", type=Path, default=Path(sys.executable), help="the service's, if another")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--words", nargs="*", default=[], help="of the service's command line")
    given = parser.parse_args()
    raw, speeds, more = images(), dict[str, list[float]](), dict[str, list[float]]()
    names = ["LitServe", "BentoML"] if given.python else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pngs = [png(image) for image in raw]
        write_requests(folder / "png", "/v1/classify", "image/png", pngs)
        texts = [json.dumps({"image": base64.b64encode(one).decode()}).encode() for one in pngs]
        write_requests(folder / "json", "/predict", "application/json", texts)
        head = struct.pack(">4I", 0x803, TOGETHER, 28, 28)
        many = [head + raw[at : at + TOGETHER].tobytes() for at in range(0, IMAGES, TOGETHER)]
        write_requests(folder / "idx", "/v1/classify", "application/octet-stream", many)
        for _ in range(given.rounds):
            with ours(given.own_python, *given.words) as (process, seconds):
                more.setdefault("start", []).append(seconds)
                more.setdefault("memory at the start", []).append(peak(process))
                load(folder / "png", 0.5)
                speeds.setdefault(OURS, []).append(load(folder / "png", given.seconds)["speed"])
                half = load(folder / "png", given.seconds, 64, speeds[OURS][-1] / 2)
                more.setdefault("p99", []).append(half["p99"])
                more.setdefault("images", []).append(TOGETHER * load(folder / "idx", given.seconds, 4)["speed"])
            more.setdefault("alone", []).append(alone(raw, given.seconds))
            for one in names:
                best = 0.0
                for workers in (1, 2):
                    with peer(one, given.python, workers):
                        load(folder / "json", 0.5)
                        best = max(best, load(folder / "json", given.seconds)["speed"])
                speeds.setdefault(one, []).append(best)
            progress(", ".join(f"{key} {several[-1]:,.2f}" for key, several in (speeds | more).items()))
    report(given, names, speeds, more)


def report(
    given: argparse.Namespace, names: list[str], speeds: dict[str, list[float]], more: dict[str, list[float]]
) -> None:
    """Write the tables."""
    rows = [[name, spread(several)] for name, several in speeds.items()]
    shares = ratios(more["images"], more["alone"])
    figures = [
        ["p99 at half that load, ms", spread(more["p99"], ".1f")],
        [f"images/s, {TOGETHER} raw images a request", spread(more["images"])],
        ["ONNX Runtime alone, images/s", spread(more["alone"])],
        ["the share of it", spread(shares, ".2f")],
        ["start to ready, s", spread(more["start"], ".2f")],
        ["memory when ready, MiB", spread(more["memory at the start"], ".0f")],
    ]
    said = ""
    if names:
        better = [max(several) for several in zip(*(speeds[name] for name in names), strict=True)]
        said = f"{OURS} over the better peer: {spread(ratios(speeds[OURS], better), '.2f')}."
    write_results(
        "service",
        "The HTTP service beside LitServe and BentoML",
        {"machine": machine(), "versions": versions("onnxruntime", "fastapi", "uvicorn", "pillow", "numpy")},
        f"{given.rounds} rounds in turn, {given.seconds:g} s each: median (least to greatest). {__doc__}",
        table(["server", f"requests/s, concurrency {CONCURRENCY}"], rows),
        *([said] if said else []),
        table(["of the service", ""], figures),
    )


if __name__ == "__main__":
    main()
