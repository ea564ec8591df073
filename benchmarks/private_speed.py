"""Images per second of DP-SGD, side by side in one run: this project, TensorFlow Privacy, Opacus, JAX.

Two networks: the default autoencoder, on MNIST, and a linear classifier on random 32-dimensional codes. Of a
contender with several variants, the one that a sweep finds fastest at a batch size is measured there, for several
rounds and in turn. At its start each private contender shows that it clips example by example, or the run ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from common import machine, progress, ratios, spread, table, versions, write_results
from contenders import Contender, Script, compare, peers_python, start, sweep

PLAIN, FAST = "this project, not private", "this project, engine fast"
NOTE = (
    "Every private step clips each example's gradient to norm 1, adds Gaussian noise of that standard deviation to the "
    "sum and updates with Adam; each peer's clipped sum was compared with one example after another at its start. "
    "This project and Opacus draw Poisson samples (Opacus by a quicker method than its own loader's); the others train "
    "on fixed batches, an advantage. This project's speed is that of its training loop, checkpoint and accounting "
    "included; the others' that of bare steps. `DPAdamGaussianOptimizer` is TensorFlow Privacy's own; it goes back "
    "through the whole batch for each example. `GaussianSumQuery in a loop` is the same with each example on its own."
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A network to train."""

    name: str
    title: str
    images: int
    """In one measurement, unless asked otherwise."""
    scripts: list[Script]


def scripts(*, optimizer_steps: int, optimizer_batch: int | None, query_steps: int) -> list[Script]:
    """All contenders; how much of the slow ones can be borne depends on the network."""
    project, tfp, torch, jax = (f"private_{name}.py" for name in ("project", "tensorflow_privacy", "torch", "jax"))
    return [
        Script(name=PLAIN, file=project, ours=True, arguments=("plain",)),
        Script(name=FAST, file=project, ours=True, arguments=("fast",)),
        Script(
            name="this project, engine tensorflow_privacy",
            file=project,
            ours=True,
            arguments=("tensorflow_privacy",),
            most_steps=4 * query_steps,
        ),
        Script(
            name="tensorflow_privacy, one example a microbatch: DPAdamGaussianOptimizer",
            file=tfp,
            ours=True,
            arguments=("optimizer",),
            most_steps=optimizer_steps,
            most_batch=optimizer_batch,
        ),
        Script(
            name="tensorflow_privacy, one example a microbatch: GaussianSumQuery in a loop",
            file=tfp,
            ours=True,
            arguments=("query",),
            most_steps=query_steps,
        ),
        Script(name="Opacus", file=torch, arguments=("opacus",)),
        Script(name="PyTorch, torch.func", file=torch, arguments=("func",)),
        Script(name="JAX", file=jax, arguments=("private",)),
        Script(name="PyTorch, not private", file=torch, arguments=("plain",)),
        Script(name="JAX, not private", file=jax, arguments=("plain",)),
    ]


WORKS = [
    Work(
        name="autoencoder",
        title="The autoencoder, mean squared error",
        images=12_288,
        scripts=scripts(optimizer_steps=1, optimizer_batch=256, query_steps=1),
    ),
    Work(
        name="classifier",
        title="A linear classifier on 32-dimensional codes, cross-entropy",
        images=262_144,
        scripts=scripts(optimizer_steps=1, optimizer_batch=None, query_steps=10),
    ),
]


@dataclass(kw_only=True)
class Measured:
    """What one network's rounds gave."""

    contenders: list[Contender]
    speeds: dict[tuple[str, str], list[float]]

    def comparison(self, batch_sizes: Sequence[int]) -> str:
        """Median and spread of the speeds, and of their ratios round by round."""
        rows = []
        for size in batch_sizes:
            references = [self.speeds[name, str(size)] for name in (FAST, PLAIN)]
            for contender in self.contenders:
                if contender.fits(size):
                    own = self.speeds[contender.name, str(size)]
                    over = [spread(ratios(own, reference), ".3f") for reference in references]
                    rows.append([contender.name, chosen(contender, size)[0], str(size), spread(own), *over])
        return table(["contender", "variant", "batch size", "images/s", "over engine fast", "over not private"], rows)

    def swept(self, batch_sizes: Sequence[int]) -> str:
        """The sweep, one row a variant."""
        rows = [
            [contender.name, variant, *(f"{median(contender.sweep[variant, size]):,.0f}" for size in batch_sizes)]
            for contender in self.contenders
            if len(contender.variants) > 1
            for variant in contender.variants
        ]
        return table(["contender", "variant", *map(str, batch_sizes)], rows)


def chosen(contender: Contender, batch_size: int) -> tuple[str, int]:
    """The variant to measure, with the batch size: the fastest in the sweep, or the only one."""
    only = len(contender.variants) == 1
    return (contender.variants[0], batch_size) if only else contender.fastest(batch_size)


def run(work: Work, arguments: argparse.Namespace, peers: Path) -> Measured:
    """Sweep and compare, every contender of one network running."""
    images = arguments.images or work.images
    picked = [one for one in work.scripts if one.name in (PLAIN, FAST) or arguments.only in one.name]
    progress(work.title)
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(start(script, Path(sys.executable) if script.ours else peers, work.name))
            for script in picked
        ]
        several = [contender for contender in contenders if len(contender.variants) > 1]
        sweep(several, arguments.batch_sizes, arguments.sweep_rounds, max(images // 4, *arguments.batch_sizes))
        speeds = compare(
            contenders,
            arguments.rounds,
            images,
            lambda one: {str(size): chosen(one, size) for size in arguments.batch_sizes if one.fits(size)},
        )
    return Measured(contenders=contenders, speeds=speeds)


def main() -> None:
    """Measure and write ``benchmarks/results/private_speed.md``, or one named after the networks asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sweep-rounds", type=int, default=2)
    parser.add_argument("--images", type=int, help="an epoch; default 12,288 and, of the classifier, 262,144")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[256, 1024], help="of this project: expected")
    parser.add_argument("--networks", nargs="+", choices=[work.name for work in WORKS], help="default: all")
    parser.add_argument("--only", default="", help="contenders whose name has this in it, and this project's")
    parser.add_argument("--peers-python", type=Path, help="an interpreter that has requirements.txt installed")
    arguments = parser.parse_args()
    peers = arguments.peers_python or peers_python()
    here = machine()
    works = [work for work in WORKS if work.name in (arguments.networks or [work.name])]
    measured = [(work, run(work, arguments, peers)) for work in works]
    stated = dict.fromkeys(
        package
        for _, result in measured
        for contender in result.contenders
        for package in contender.versions.split(", ")
    )
    parts = [
        f"## {work.title}\n\nEpochs of {arguments.images or work.images:,} examples, fewer of the slow.\n\n"
        f"{result.comparison(arguments.batch_sizes)}\n\n"
        "The sweep that the variants were chosen by: median images/s by batch size.\n\n"
        f"{result.swept(arguments.batch_sizes)}"
        for work, result in measured
    ]
    write_results(
        "_".join(["private_speed", *(arguments.networks or [])]),
        "Speed of private training",
        {"machine": here, "versions": f"{versions()}; {', '.join(stated)}"},
        f"{arguments.rounds} rounds in turn: median (least to greatest); ratios are of the same round. {NOTE}",
        *parts,
    )


if __name__ == "__main__":
    main()
