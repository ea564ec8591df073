"""Millions of images from Parquet to Parquet: ``infer.py`` by its default engine and by Ray, on the same cores.

The input, MNIST's training images with the brightness of each changed at random, is written into ``--folder`` (0.23 GB
a million) and stays there for another run. A run is counted from the start of ``infer.py`` to its exit. The Ray cluster
is started before and joined by ``ray.address=``, so that its start is in no figure; that of the driver and of the
actors is. Memory is the proportional set size, summed over processes, sampled five times a second.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common import ROOT, cores, machine, progress, ratios, spread, table, versions, write_results

ENGINES = ("local", "ray")
INTERVAL = 0.2
PATIENCE = 120


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run."""

    seconds: float
    driver: float
    """Peak of ``infer.py`` and its children, MiB."""
    actors: float
    """Peak of Ray's workers, MiB; 0 where there is no Ray."""
    cluster: float
    """Peak of what else Ray runs, MiB."""


def main() -> None:
    """Measure and write ``benchmarks/results/shards.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="of the input and the answers")
    parser.add_argument("--write", action="store_true", help="write the input, and nothing else")
    parser.add_argument("keys", nargs="*", default=["data=mnist"], help="of infer.py, which choose the model")
    arguments = parser.parse_args()
    source = arguments.folder.absolute() / f"{arguments.images}.parquet"
    if arguments.write:
        write_input(source, arguments.images)
        return
    here = machine()
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--write"], check=True, cwd=ROOT)
    runs: dict[str, list[Measured]] = {engine: [] for engine in ENGINES}
    with ray_cluster() as (address, cluster):
        for _ in range(arguments.runs):
            for engine in ENGINES:
                answers = arguments.folder.absolute() / f"answers_{engine}"
                shutil.rmtree(answers, ignore_errors=True)
                keys = [*arguments.keys, f"input={source}", f"output={answers}/", f"engine={engine}"]
                joins = [f"ray.address={address}"] if engine == "ray" else []
                runs[engine].append(measure([*keys, *joins], cluster if engine == "ray" else None))
                progress(f"{engine:6} {runs[engine][-1]}")
            compare(arguments.folder.absolute())
    speeds = {engine: [arguments.images / run.seconds for run in of] for engine, of in runs.items()}
    write_results(
        "shards",
        "Millions of images, Parquet to Parquet",
        {"machine": here, "versions": versions("pyarrow", "onnxruntime", "numpy", "ray")},
        f"`infer.py input=<{arguments.images:,} images>.parquet output=answers/ {' '.join(arguments.keys)}`, process "
        f"start to exit, {arguments.runs} runs of each engine in turn: median (least to greatest). The ratio is that "
        f"of images a second to those of the default engine in the same round; both gave the same answers. Ray has "
        f"{cores()} actors on a cluster that stands already on this machine, so its start is not counted; that of "
        "`infer.py` and of the actors is. Peak memory, MiB: `infer.py`, the actors together, and Ray's own processes.",
        table(
            ["engine", "seconds", "images/s", "ratio", "`infer.py`", "actors", "Ray itself"],
            [
                [
                    f"`{engine}`",
                    spread([run.seconds for run in of], ".1f"),
                    spread(speeds[engine]),
                    spread(ratios(speeds[engine], speeds["local"]), ".2f"),
                    *(spread([getattr(run, part) for run in of]) for part in ("driver", "actors", "cluster")),
                ]
                for engine, of in runs.items()
            ],
        ),
    )


def write_input(path: Path, images: int) -> None:
    """Write the Parquet file, where it is not there."""
    if not path.exists():
        from tables import write

        progress(f"writing {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path.with_suffix(".unfinished"), "lists.parquet", images)
        path.with_suffix(".unfinished").rename(path)


@contextlib.contextmanager
def ray_cluster() -> Iterator[tuple[str, int]]:
    """A cluster of this machine: its address and the process that all of it descends from."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", f"--num-cpus={cores()}"]
    with tempfile.TemporaryDirectory(prefix="ray") as folder, Path(os.devnull).open("wb") as nothing:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *words, "--include-dashboard=false", f"--temp-dir={folder}"],
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
            cwd=folder,
            stdout=nothing,
            stderr=nothing,
        )
        try:
            wait_for(f"127.0.0.1:{port}", head)
            yield f"127.0.0.1:{port}", head.pid
        finally:
            head.terminate()
            head.wait()


def wait_for(address: str, head: subprocess.Popen[bytes]) -> None:
    """Wait until the cluster says that it is well."""
    asked = [str(Path(sys.executable).with_name("ray")), "health-check", f"--address={address}"]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and head.poll() is None:
        if not subprocess.run(asked, capture_output=True, check=False).returncode:
            return
        time.sleep(INTERVAL)
    sys.exit(f"Expected a Ray cluster within {PATIENCE} s; received none.")


def measure(keys: list[str], cluster: int | None) -> Measured:
    """One run of ``infer.py``."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, ROOT / "infer.py", *keys], cwd=ROOT, stdout=subprocess.DEVNULL)
    peaks, done = {"driver": 0.0, "actors": 0.0, "cluster": 0.0}, threading.Event()
    sampler = threading.Thread(target=sample, args=(child.pid, cluster, peaks, done))
    sampler.start()
    code = child.wait()
    seconds = time.perf_counter() - began
    done.set()
    sampler.join()
    if code:
        sys.exit(f"Expected exit code 0 of infer.py {' '.join(keys)}; received {code}.")
    return Measured(seconds=seconds, **peaks)


def sample(driver: int, cluster: int | None, peaks: dict[str, float], done: threading.Event) -> None:
    """Raise ``peaks`` until ``done``."""
    while not done.wait(INTERVAL):
        of_ray = [] if cluster is None else [cluster, *descendants(cluster)]
        groups = {
            "driver": [driver, *descendants(driver)],
            "actors": [process for process in of_ray if is_worker(process)],
            "cluster": [process for process in of_ray if not is_worker(process)],
        }
        for name, processes in groups.items():
            peaks[name] = max(peaks[name], sum(map(memory, processes)))


def descendants(process: int) -> list[int]:
    """Children of a process, their children, and so on."""
    found = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_worker(process: int) -> bool:
    """Whether a process is one of Ray's workers, which name themselves so."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::")
    return False


def memory(process: int) -> float:
    """Proportional set size, MiB; 0 where the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0


def compare(folder: Path) -> None:
    """Stop where the engines answered anything differently."""
    import pyarrow.parquet as pq

    local, by_ray = (pq.read_table(folder / f"answers_{engine}") for engine in ENGINES)
    if not local.equals(by_ray):
        sys.exit("Expected the same answers of both engines; received others.")


if __name__ == "__main__":
    main()
