"""What the benchmarks share: the machine in words, figures in a table, a child's time and memory.

Only the standard library is imported: a child starts with its parent's peak memory, so the parent stays small.
"""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, kw_only=True)
class Child:
    """One program, from start to exit."""

    seconds: float
    peak_mib: float
    """Largest resident set, MiB."""


def run_child(
    arguments: Sequence[str | Path], *, expected: int = 0, environment: Mapping[str, str] | None = None
) -> Child:
    """Run a program in the repository's root and measure it.

    Raises:
        SystemExit: it ended with another exit code; its last lines are shown.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=os.environ | (environment or {}),
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != expected:
            output.seek(0)
            tail = output.read().decode(errors="replace")[-2000:]
            command = shlex.join(map(str, arguments))
            sys.exit(f"Expected exit code {expected} of {command}; received {child.returncode}.\n{tail}")
    return Child(seconds=seconds, peak_mib=usage.ru_maxrss / 1024)


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """``median (least to greatest)``."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def ratios(values: Sequence[float], references: Sequence[float]) -> list[float]:
    """Each value over the reference of the same round."""
    return [value / reference for value, reference in zip(values, references, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Processor, cores, memory, system, and the load before anything was measured."""
    models = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    processor = models[0].partition(":")[2].strip() if models else platform.processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{processor}, {cores()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}; "
        f"load average before {os.getloadavg()[0]:.2f}"
    )


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def versions(*packages: str) -> str:
    """Versions of Python and of packages of this environment."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])


def write_results(name: str, title: str, facts: Mapping[str, str], *parts: str) -> None:
    """Print the page and write it as ``benchmarks/results/<name>.md``; the command and the day are added."""
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    stated = "\n".join(f"- {key}: {value}" for key, value in {"command": f"`{command}`", "day": day, **facts}.items())
    page = "\n\n".join([f"# {title}", stated, *parts]) + "\n"
    print(page, flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page)


def progress(line: str) -> None:
    """One line on standard error."""
    print(line, file=sys.stderr, flush=True)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
