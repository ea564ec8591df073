"""What the image-level guarantee of the private pipeline is for a person with several images, and its mu.

No training: the plan of ``python train.py features=scattering classifier.private=true privacy.target_epsilon=...``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from common import table, versions, write_results

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.privacy.plan import PrivacyPlan

IMAGES = 55_000
EPSILONS = (1.0, 2.0, 3.0, 8.0)
SIZES = (1, 2, 5, 10)


def row(epsilon: float) -> list[str]:
    """The stated epsilon, mu, and epsilon for each size of group."""
    asked = ["features=scattering", "classifier.private=true", f"privacy.target_epsilon={epsilon}"]
    command = compose("train", TrainCommand, asked)
    guarantee = PrivacyPlan.for_classifier(command.classifier, command.privacy, IMAGES, encoder=None).guarantee
    return [f"{epsilon:g}", f"{guarantee.mu:.3f}", *(f"{guarantee.for_group(size):.3g}" for size in SIZES)]


def main() -> None:
    """Write ``benchmarks/results/person_level.md``."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    os.chdir(Path(__file__).parents[1])
    write_results(
        "person_level",
        "The image-level guarantee for a person with several images",
        {"versions": versions("dp-accounting", "numpy", "scipy")},
        f"Epsilon at delta 1e-5 of `features=scattering classifier.private=true` on {IMAGES:,} images, by the number "
        "of images that one person gave; mu bounds the privacy curve of one image.",
        table(["stated", "mu", *(f"{size} image{'s' * (size > 1)}" for size in SIZES)], [row(one) for one in EPSILONS]),
    )


if __name__ == "__main__":
    main()
