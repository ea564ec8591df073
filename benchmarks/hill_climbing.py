"""Targets a second: hill climbing as this project does it beside the loop of 2023, on the same trained model.

    python benchmarks/hill_climbing.py [key=value ...]      the keys of noprotect_reconstruction.py

The loop of 2023 is re-created: a target at a time, 256 codes drawn anew in each of up to 1,024 iterations, the 64 best
by log mean squared error of their logits, mean and variance moved by 0.1 of the way. Both decode what they find.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from common import machine, progress, ratios, spread, table, versions, write_results
from numpy.typing import NDArray

from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.backend import load_tensorflow
from mnist_etc.composition import compose
from mnist_etc.data import Split, load

ROUNDS = 5
TARGETS_2023 = 20
"""A round of its: seconds each."""
SAMPLES, BEST, RATE, ITERATIONS, ENOUGH = 256, 64, 0.1, 1024, 1e-8


def as_in_2023(
    kernel: NDArray[np.float32], bias: NDArray[np.float32], codes: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The code of one target."""
    generator = np.random.default_rng(0)
    mean, variance = codes.mean(axis=0), codes.var(axis=0)
    for _ in range(ITERATIONS):
        drawn = mean + np.sqrt(variance) * generator.standard_normal((SAMPLES, len(mean)), np.float32)
        error = np.log(np.square(drawn @ kernel + bias - target).mean(axis=1) + ENOUGH)
        best = drawn[np.argpartition(error, BEST)[:BEST]]
        mean = mean + RATE * (best.mean(axis=0) - mean)
        variance = variance + RATE * (best.var(axis=0) - variance)
        if error.min() < np.log(2 * ENOUGH):
            break
    return np.asarray(mean)


def main() -> None:
    """Measure and write ``benchmarks/results/hill_climbing.md``."""
    command, here = compose("reconstruct", ReconstructCommand, sys.argv[1:]), machine()
    dataset = load(command.data)
    load_tensorflow()
    from mnist_etc.attack.class_prior import ClassPrior
    from mnist_etc.attack.hill_climbing import climb
    from mnist_etc.attack.victim import VictimModel

    victim, attack = VictimModel.of(command), command.attack
    own = victim.examples(dataset.train)
    targets = victim.examples(Split(dataset.test.images[: command.targets], dataset.test.labels[: command.targets]))
    start = time.perf_counter()
    mixtures = ClassPrior(
        own.codes, own.logits, own.logits.argmax(axis=1), components=attack.components, seed=command.seed
    )
    prepared = time.perf_counter() - start
    linear = victim.linear_head()
    assert linear, "the loop of 2023 knows a linear classifier"
    few = targets.logits[:TARGETS_2023]

    def old() -> NDArray[np.float32]:
        codes = np.stack([as_in_2023(*linear, own.codes, target) for target in few])
        return victim.decode(codes)

    def new() -> NDArray[np.float32]:
        found = climb(
            victim.logits,
            mixtures,
            targets.logits,
            targets.logits.argmax(axis=1),
            queries=attack.queries,
            restarts=attack.restarts,
            iterations=attack.iterations,
            seed=command.seed,
        )
        return found.mean_image(victim.decode)

    speeds: dict[str, list[float]] = {"2023": [], "now": []}
    errors: dict[str, float] = {}
    for _ in range(ROUNDS + 1):
        for name, job in (("2023", old), ("now", new)):
            start = time.perf_counter()
            images = job()
            speeds[name].append(len(images) / (time.perf_counter() - start))
            errors[name] = float(np.square(images - targets.images[: len(images)]).mean())
        progress(", ".join(f"{name} {several[-1]:,.1f} targets/s" for name, several in speeds.items()))
    speeds = {name: several[1:] for name, several in speeds.items()}
    rows = [
        [name, spread(several, ",.1f"), spread(ratios(several, speeds["2023"]), ",.0f"), f"{errors[name]:.4f}"]
        for name, several in speeds.items()
    ]
    write_results(
        "hill_climbing",
        "Hill climbing on logits",
        {"machine": here, "versions": versions("numpy", "tensorflow")},
        f"{ROUNDS} rounds in turn after one that is not counted, median (least to greatest); 2023: {len(few)} targets "
        f"a round, now: {len(targets.images):,} with {attack.queries} queries each, which targets of a class share, "
        f"after {prepared:.0f} s once for the prior. The error of 2023 is that of its few targets.",
        table(["attack", "targets/s", "times 2023", "MSE"], rows),
    )


if __name__ == "__main__":
    main()
