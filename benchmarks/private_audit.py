"""The audit of correct trainings and of planted mistakes: how often each is refuted, and the bounds.

What ``python -m mnist_etc.privacy.audit membership=false`` does, many times in one process. A long measurement goes in
pieces: each call adds its runs to the file of ``--log``, and ``--write`` makes the page of all that stand there.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, progress, spread, table, versions, write_results

from mnist_etc.audit import moments_run
from mnist_etc.audit.canary_run import run_with_canaries
from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.moments_run import run_with_moments
from mnist_etc.composition import compose
from mnist_etc.data import Split, load
from mnist_etc.privacy import budget
from mnist_etc.privacy.accounting import find_noise_multiplier

WORDS = {
    None: "as it is",
    PlantedBug.noise_halved: "half the noise",
    PlantedBug.noise_repeated: "the same noise in every step",
    PlantedBug.noise_broadcast: "the same noise in every row of the kernel",
    PlantedBug.noise_restarted: "the noise starts again where the training is resumed",
    PlantedBug.redrawn: "seeds drawn anew where the training is resumed",
    PlantedBug.batch_clipped: "the batch clipped, not the example",
    PlantedBug.full_batches: "every example in every step, Poisson sampling accounted",
    PlantedBug.moments_noise_halved: "half the noise on the moments",
    PlantedBug.moments_unnormalized: "rows of the moments at their own length",
    PlantedBug.seed_reused: "one seed for two trainings",
}
HEADER = ["training", "canaries", "refuted", "every sum", "the weights alone", "however dependent", "moments"]
OF_MOMENTS = {PlantedBug.moments_noise_halved, PlantedBug.moments_unnormalized, PlantedBug.seed_reused}
"""Mistakes that only the release of moments makes; the others only the steps make."""


def remember_noise() -> None:
    """Search the noise of each plan once a process: it follows from the settings alone."""
    found: dict[str, float] = {}

    def remembered(**settings: Any) -> float:
        key = repr(settings)
        if key not in found:
            found[key] = find_noise_multiplier(**settings)
        return found[key]

    for module in (budget, moments_run):
        setattr(module, find_noise_multiplier.__name__, remembered)


def run(command: AuditCommand, images: Split, bug: PlantedBug | None) -> dict[str, float | bool | str]:
    """One run's verdict and bounds."""
    found: dict[str, float | bool | str] = {"training": bug.value if bug else "", "refuted": False}
    if bug not in OF_MOMENTS:
        canaries = run_with_canaries(command, images, bug)
        found |= {
            "bound": canaries.bound,
            "weights": canaries.bound_of_weights,
            "dependent": canaries.bound_if_dependent,
            "redrawn": canaries.redrawn,
            "refuted": canaries.is_refuted,
            "canaries": canaries.guesses.canaries,
        }
    if bug is None or bug in OF_MOMENTS:
        moments = run_with_moments(command, images, bug)
        found.setdefault("canaries", moments.guesses.canaries)
        found |= {"moments": moments.bound, "refuted": found["refuted"] or moments.is_refuted}
    return found


def logged(log: Path, bug: PlantedBug | None) -> list[dict[str, Any]]:
    """The runs of one kind that stand in the log."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    return [line for line in lines if line["training"] == (bug.value if bug else "")]


def row(bug: PlantedBug | None, runs: list[dict[str, float]]) -> list[str]:
    """Of the table."""
    canaries = " and ".join(f"{one:,}" for one in sorted({int(one["canaries"]) for one in runs}))
    cells = [WORDS[bug], canaries, f"{sum(one['refuted'] for one in runs)} of {len(runs)}"]
    for name in ("bound", "weights", "dependent", "moments"):
        values = [one[name] for one in runs if name in one]
        cells.append(spread(values, ".2f") if values else "")
    return cells


def main() -> None:
    """Measure, or write ``benchmarks/results/private_audit.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="a file that the runs are added to, a line each")
    parser.add_argument(
        "--bugs", nargs="*", default=[], choices=[bug.value for bug in PlantedBug], help="none: correct"
    )
    parser.add_argument("--runs", type=int, default=0, help="of each that shall stand in the log")
    parser.add_argument("--seconds", type=float, default=500, help="no run begins later")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("keys", nargs="*", help="more keys of the audit")
    arguments = parser.parse_args()
    log, began = arguments.log.resolve(), time.monotonic()
    os.chdir(Path(__file__).parents[1])
    command = compose("audit", AuditCommand, ["membership=false", *arguments.keys])
    train = load(command.data).train
    chosen = np.random.default_rng(command.seed).permutation(len(train))[: command.images]
    images = Split(train.images[chosen], train.labels[chosen])
    remember_noise()
    for bug in [PlantedBug(name) if name else None for name in arguments.bugs or [""]]:
        while len(logged(log, bug)) < arguments.runs and time.monotonic() - began < arguments.seconds:
            found = run(command, images, bug)
            with log.open("a") as file:
                file.write(json.dumps(found) + "\n")
            progress(str(found))
    if not arguments.write:
        return
    rows = [row(bug, runs) for bug in WORDS if (runs := logged(log, bug))]
    write_results(
        "private_audit",
        "The audit and planted mistakes",
        {"machine": machine(), "versions": versions("tensorflow", "keras", "dp-accounting", "numpy")},
        f"Secret seeds in each run; each bound at {command.confidence:.1%} confidence; the training "
        f"and the release of moments each state epsilon {command.privacy.target_epsilon:g}. Lower bounds: median "
        "(least to greatest). Where 1,000 canaries stand, a quarter of the audit was run, with "
        "`canaries=1000 images=250 batch_size=186 learning_rate=1.45`. "
        '"However dependent" is the bound that assumes nothing of how the canaries depend on each other.',
        table(HEADER, rows),
    )


if __name__ == "__main__":
    main()
