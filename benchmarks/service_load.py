"""The HTTP service while versions change, and under thousands of connections that say nothing.

Two versions of the packaged network, with the policies ``label`` and ``levels:2``, are published by turns every second,
every fifth time a rollback instead, while 16 connections ask for one PNG a request. Then as many connections as
``--connections`` are opened, half of them silent, half with a head that never ends, and the probe and an image are
asked for beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import http_load
from common import ROOT, machine, progress, table, versions, write_results
from service import CONCURRENCY, PORT, images, ours, png, write_requests
from service_faults import resident

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from served import publish  # noqa: E402

from mnist_etc.export.repository import ModelRepository  # noqa: E402

POLICIES = ("label", "levels:2")
HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\n"
SPARE = 200
"""Files that this process has open besides connections."""


def change(folder: Path, done: threading.Event) -> int:
    """Publish and roll back until ``done``; how many times."""
    changes = 1
    while not done.wait(1):
        if changes % 5:
            publish(folder, POLICIES[changes % 2])
        else:
            ModelRepository(folder / "models").rollback()
        changes += 1
    return changes


def ask_while_versions_change(requests: list[bytes], count: int, folder: Path) -> list[list[str]]:
    """A row of figures."""
    done, changes = threading.Event(), [0]
    changing = threading.Thread(target=lambda: changes.append(change(folder, done)))
    changing.start()
    told = http_load.run(PORT, -count, CONCURRENCY, 0, requests)
    done.set()
    changing.join()
    statuses = dict(told["statuses"])  # type: ignore[call-overload]
    failed = sum(number for status, number in statuses.items() if status != 200)
    progress(f"{told}, {changes[-1]} changes")
    return [
        ["requests while versions change", f"{count:,}"],
        ["publications and rollbacks", f"{changes[-1]}"],
        ["failed requests", f"{failed}"],
        ["requests/s", f"{told['speed']:,.0f}"],
        ["p99, ms", f"{told['p99']:.1f}"],
    ]


def probe(requests: list[bytes]) -> float:
    """Seconds until the probe and an image have been answered with 200; ends the benchmark where they are not."""
    began = time.perf_counter()
    ready = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for request in (ready, requests[0]):
        one = http_load.Connection(PORT)
        one.send(request, 0)
        while (status := one.receive()) is None:
            continue
        one.socket.close()
        if status != 200:
            sys.exit(f"Expected 200; received {status} for {request[:40]!r}.")
    return time.perf_counter() - began


def open_connections(requests: list[bytes], count: int, process: int) -> list[list[str]]:
    """A row of figures."""
    before, slowest = resident(process), 0.0
    with contextlib.ExitStack() as stack:
        for number in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", PORT), timeout=30))
            if number % 2:
                with contextlib.suppress(OSError):
                    one.sendall(HEAD)
            if number % (count // 20) == 0:
                slowest = max(slowest, probe(requests))
        slowest = max(slowest, probe(requests))
        during = resident(process)
    progress(f"{count} connections: {before:.0f}, {during:.0f} MiB, {slowest:.3f} s")
    return [
        ["connections that say nothing or never end their head", f"{count:,}"],
        ["the probe and an image meanwhile, s at most", f"{slowest:.3f}"],
        ["MiB resident before, during", f"{before:.0f}, {during:.0f}"],
    ]


def main() -> None:
    """Ask, and write ``benchmarks/results/service_load.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=10_000)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, given.connections + SPARE), hard))
    here = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publish(folder, POLICIES[1])
        write_requests(folder / "png", "/v1/classify", "image/png", [png(image) for image in images()])
        requests = http_load.read_requests(folder / "png")
        words = [f"service.repository={folder / 'models'}", "service.poll_seconds=0.2"]
        with ours(Path(sys.executable), *words) as (process, _):
            http_load.run(PORT, 0.5, CONCURRENCY, 0, requests)
            rows = ask_while_versions_change(requests, given.requests, folder)
            rows += open_connections(requests, given.connections, process)
    write_results(
        "service_load",
        "The HTTP service while versions change, and under many connections",
        {"machine": here, "versions": versions("onnxruntime", "fastapi", "uvicorn")},
        __doc__ or "",
        table(["", "figure"], rows),
    )


if __name__ == "__main__":
    main()
