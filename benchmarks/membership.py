"""Membership inference on heads trained with and without privacy: what ``python -m mnist_etc.privacy.audit`` ends with.

On MNIST with 5,000 non-members, so that a true positive rate at 0.1 % of false positives rests on five of them.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from common import machine, progress, table, versions, write_results

from mnist_etc.audit.config import AuditCommand
from mnist_etc.audit.membership_run import attack_heads
from mnist_etc.composition import compose
from mnist_etc.data import Split, load

SIZES = {
    "digits": ["images=1000"],
    "mnist": ["data=mnist", "images=5000", "canaries=4000", "batch_size=1341", "learning_rate=10.5"],
}
"""Members are half of twice so many images; the batch keeps the sampling rate of the audit's default."""


def main() -> None:
    """Measure and write ``benchmarks/results/membership.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("keys", nargs="*", help="more keys of the audit")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    here, rows = machine(), []
    for name in arguments.datasets:
        command = compose("audit", AuditCommand, [*SIZES[name], *arguments.keys])
        train = load(command.data).train
        chosen = np.random.default_rng(command.seed).permutation(len(train))[: 2 * command.images]
        began = time.process_time()
        found = attack_heads(command, Split(train.images[chosen], train.labels[chosen]))
        progress(f"{name}: {time.process_time() - began:.0f} s of CPU")
        for head, attacks in found.items():
            for one in attacks:
                low, high = one.tpr_interval
                tpr = f"{one.tpr:.2%} ({low:.2%} to {high:.2%})"
                rows.append(
                    [f"{name}, {head}", one.name, f"{one.auc:.3f}", tpr, f"{one.fpr_bound:.2%}", f"{one.non_members:,}"]
                )
    write_results(
        "membership",
        "Membership inference",
        {"machine": here, "versions": versions("tensorflow", "keras", "scikit-learn", "numpy")},
        "True positives at 0.1 % of false positives, with the interval of Clopper and Pearson at 95 % for that "
        "threshold; the column after it bounds the false positives at that threshold by what the non-members can say, "
        "at 97.5 %. As many members as non-members.",
        table(["head", "attack", "area under the curve", "true positives", "false at most", "non-members"], rows),
    )


if __name__ == "__main__":
    main()
