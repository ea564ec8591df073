"""Images per second of autoencoder training: "before", this project, PyTorch, JAX, side by side in one run.

First every variant of every contender at every batch size; then, for several rounds and in turn, each
contender at batch 32 and at its best batch size, with the variant that was fastest there.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from common import machine, ratios, spread, table, versions, write_results
from contenders import Contender, Script, compare, peers_python, start, sweep

BATCH_SIZES = [16, 32, 64, 128, 256, 512]
COMMON_BATCH = 32
SCRIPTS = [
    Script(name="before", file="before_fit.py", ours=True),
    Script(name="this project", file="project_loop.py", ours=True),
    Script(name="PyTorch", file="torch_train.py"),
    Script(name="JAX", file="jax_train.py"),
]
OURS = [script.name for script in SCRIPTS if script.ours]


def cells(contender: Contender) -> dict[str, tuple[str, int]]:
    """What the rounds measure: the fastest variant at the common batch size, and the fastest of all."""
    return {"common": contender.fastest(COMMON_BATCH), "best": contender.fastest()}


def comparison(contenders: list[Contender], speeds: dict[tuple[str, str], list[float]]) -> str:
    """The figures: median and spread of the speeds, and of their ratios round by round."""
    rows = []
    for contender in contenders:
        for kind, batch_size in (("common", COMMON_BATCH), ("best", None)):
            variant, batch = contender.fastest(batch_size)
            own = speeds[contender.name, kind]
            references = [speeds[name, kind] for name in OURS]
            over = [spread(ratios(own, reference), ".2f") for reference in references]
            label = f"batch {batch}" + (" (its best)" if kind == "best" else "")
            rows.append([contender.name, variant, label, spread(own), *over])
    rows.sort(key=lambda row: "best" in row[2])
    return table(["contender", "variant", "batch size", "images/s", "over before", "over this project"], rows)


def swept(contenders: list[Contender], batch_sizes: list[int]) -> str:
    """The sweep, one row a variant."""
    return table(
        ["contender", "variant", *map(str, batch_sizes)],
        [
            [contender.name, variant, *(f"{median(contender.sweep[variant, size]):,.0f}" for size in batch_sizes)]
            for contender in contenders
            for variant in contender.variants
        ],
    )


def main() -> None:
    """Measure and write ``benchmarks/results/train_speed.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sweep-rounds", type=int, default=2)
    parser.add_argument("--images", type=int, default=30_000, help="images an epoch")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=BATCH_SIZES, help="to look for the best among")
    parser.add_argument("--peers-python", type=Path, help="an interpreter that has requirements.txt installed")
    arguments = parser.parse_args()
    batch_sizes = sorted({*arguments.batch_sizes, COMMON_BATCH})
    peers = arguments.peers_python or peers_python()
    here = machine()
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(start(script, Path(sys.executable) if script.ours else peers)) for script in SCRIPTS
        ]
        sweep(contenders, batch_sizes, arguments.sweep_rounds, arguments.images)
        speeds = compare(contenders, arguments.rounds, arguments.images, cells)
    stated = "; ".join(dict.fromkeys(contender.versions for contender in contenders))
    write_results(
        "train_speed",
        "Training speed of the autoencoder",
        {"machine": here, "versions": f"{versions()}; {stated}"},
        f"Epochs of {arguments.images:,} images, {arguments.rounds} rounds in turn: median (least to greatest); "
        "ratios are of the same round.",
        comparison(contenders, speeds),
        "The sweep that the batch sizes and variants were chosen by: median images/s by batch size.",
        swept(contenders, batch_sizes),
    )


if __name__ == "__main__":
    main()
