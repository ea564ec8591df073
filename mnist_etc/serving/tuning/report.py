"""The report of a search: tables, a plot, and the bottleneck of each candidate."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mnist_etc.files import temporary, write_bytes
from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement
from mnist_etc.serving.tuning.trials import Trials

__all__ = ["Report"]

WASTEFUL = 1.3
"""Times the least CPU of an image from which on a candidate is said to waste it."""
COLUMNS = ["images_per_second", "p50", "p90", "p95", "p99", "queue", "compute", "network"]
COLUMNS += ["mean_batch", "cpu_per_image", "cores_busy"]
GLOSSARY = """\
Medians over the rounds; in brackets the least and the greatest. The mean batch is what the server formed
(nv_inference_count / nv_inference_exec_count); CPU is that of the server and its backends, perf_analyzer's own comes on
top on the same machine. What limits a candidate is read from these figures:

- threads: more threads than cores, and an image costs {wasteful} times the least CPU or more: pools of ONNX Runtime
  spin and take turns;
- delay: the greater part of a request's time is spent in the queue while cores are free: it waits for others;
- queue: the greater part is spent in the queue and the cores are busy: the model is the bottleneck;
- transport: the greater part is spent in HTTP, in copies and in the client, outside scheduler and model;
- model: the greater part is spent in the model."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The candidates of a search, best first, with what was measured of them."""

    trials: Trials
    several: Sequence[Candidate]
    concurrency: Sequence[int]

    def write(self, folder: Path, heading: str) -> None:
        """Write ``tuning.csv``, ``tuning.md`` and ``tuning.png`` into ``folder``; ``heading`` begins the second.

        Raises:
            ArtifactError: A file cannot be written.
        """
        with temporary(folder / "tuning.csv", key="output") as path, path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["candidate", "concurrency", "rounds", *COLUMNS, "limited by"])
            for candidate, level in self._measured():
                medians = [f"{self.trials.median(candidate, level, name):.6g}" for name in COLUMNS]
                rounds = self.trials.rounds(candidate, level)
                writer.writerow([candidate.name, level, rounds, *medians, self.bottleneck(candidate, level)])
        parts = [heading, self.table(), GLOSSARY.format(wasteful=WASTEFUL)]
        write_bytes(folder / "tuning.md", ("\n\n".join(parts) + "\n").encode(), key="output")
        with temporary(folder / "tuning.png", key="output") as path:
            self._plot(path)

    def table(self) -> str:
        """Format the figures as Markdown, one row a candidate and concurrency."""
        header = ["candidate", "concurrency", "rounds", "images/s", "p50 ms", "p99 ms", "mean batch", "CPU us/image"]
        rows = [[*header, "cores busy", "limited by"], ["---", *["---:"] * 8, "---"]]
        for candidate, level in self._measured():
            every = [one.images_per_second for one in self.trials.measurements[candidate.name, level]]
            figures = {name: self.trials.median(candidate, level, name) for name in COLUMNS}
            rows.append(
                [
                    candidate.name,
                    f"{level}",
                    f"{len(every)}",
                    f"{median(every):,.0f} ({min(every):,.0f} to {max(every):,.0f})",
                    f"{figures['p50'] / 1000:.2f}",
                    f"{figures['p99'] / 1000:.2f}",
                    f"{figures['mean_batch']:.1f}",
                    f"{figures['cpu_per_image']:,.0f}",
                    f"{figures['cores_busy']:.2f}",
                    self.bottleneck(candidate, level),
                ]
            )
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def bottleneck(self, candidate: Candidate, level: int) -> str:
        """Name what limits ``candidate`` at the concurrency ``level``, as its figures show."""
        cores = os.cpu_count() or 1
        one = Measurement(**{name: self.trials.median(candidate, level, name) for name in COLUMNS})
        least = min(
            self.trials.median(other, level, "cpu_per_image")
            for other in self.several
            if self.trials.rounds(other, level) and other.input_type is candidate.input_type
        )
        if candidate.instances * (candidate.intra_op_threads or cores) > cores and (
            one.cpu_per_image > WASTEFUL * least
        ):
            return "threads"
        name = max(("queue", "compute", "network"), key=lambda part: float(getattr(one, part)))
        if name == "queue":
            return "delay" if one.cores_busy < cores / 2 and candidate.max_queue_delay_microseconds else "queue"
        return {"compute": "model", "network": "transport"}[name]

    def _measured(self) -> list[tuple[Candidate, int]]:
        return [(one, level) for one in self.several for level in self.concurrency if self.trials.rounds(one, level)]

    def _plot(self, path: Path) -> None:
        """Throughput against p99; one line a candidate that was measured at every concurrency, a point for others."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
        for candidate in self.several:
            levels = [level for one, level in self._measured() if one is candidate]
            x = [self.trials.median(candidate, level, "images_per_second") for level in levels]
            y = [self.trials.median(candidate, level, "p99") / 1000 for level in levels]
            if len(levels) == len(self.concurrency):
                axes.plot(x, y, marker="o", label=candidate.name)
                for level, where in zip(levels, zip(x, y, strict=True), strict=True):
                    axes.annotate(str(level), where, textcoords="offset points", xytext=(4, 4), fontsize=8)
            else:
                axes.plot(x, y, linestyle="", marker=".", color="lightgray", zorder=0)
        axes.set(
            xlabel="images per second",
            ylabel="99th percentile of the latency, ms",
            yscale="log",
            title="Numbers: requests in flight. Gray: given up early",
        )
        axes.legend(fontsize=8)
        figure.savefig(path, dpi=120)
        plt.close(figure)
