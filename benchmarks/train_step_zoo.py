"""Images per second of training `cnn` of the zoo: this project, PyTorch, JAX, side by side in one run.

First every variant of every contender; then, for several rounds and in turn, each by the variant that was fastest.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from common import machine, ratios, spread, table, versions, write_results
from contenders import Script, compare, peers_python, start, sweep

SCRIPTS = [
    Script(name="this project", file="zoo_project.py", ours=True),
    Script(name="PyTorch", file="zoo_torch.py"),
    Script(name="JAX", file="zoo_jax.py", most_steps=20),
]


def main() -> None:
    """Measure and write ``benchmarks/results/train_step_zoo.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sweep-rounds", type=int, default=2)
    parser.add_argument("--images", type=int, default=12_800, help="images an epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--peers-python", type=Path, help="an interpreter that has requirements.txt installed")
    arguments = parser.parse_args()
    peers, here = arguments.peers_python or peers_python(), machine()
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(start(script, Path(sys.executable) if script.ours else peers)) for script in SCRIPTS
        ]
        sweep(contenders, [arguments.batch_size], arguments.sweep_rounds, arguments.images)
        speeds = compare(contenders, arguments.rounds, arguments.images, lambda one: {"best": one.fastest()})
    ours = speeds[contenders[0].name, "best"]
    rows = [
        [
            one.name,
            one.fastest()[0],
            spread(speeds[one.name, "best"]),
            spread(ratios(ours, speeds[one.name, "best"]), ".2f"),
        ]
        for one in contenders
    ]
    variants = [
        [one.name, variant, f"{median(one.sweep[variant, arguments.batch_size]):,.0f}"]
        for one in contenders
        for variant in one.variants
    ]
    stated = "; ".join(one.versions for one in contenders)
    write_results(
        "train_step_zoo",
        "Training speed of the zoo's cnn",
        {"machine": here, "versions": f"{versions()}; {stated}"},
        f"Epochs of {arguments.images:,} images in batches of {arguments.batch_size}, {arguments.rounds} rounds in "
        "turn: median (least to greatest); ratios are of the same round. JAX trains on a part of them: 20 steps.",
        table(["contender", "variant", "images/s", "this project over it"], rows),
        "What the variants were chosen by: median images/s.",
        table(["contender", "variant", "images/s"], variants),
    )


if __name__ == "__main__":
    main()
