"""The private pipeline where a person, and not an image, is the unit of privacy, with simulated owners: the cost.

The 60,000 training images of MNIST are dealt by chance to people of so many images each, since MNIST does not say who
wrote what: real people's images are more alike. Fitted is what ``python train.py features=scattering
classifier.private=true data.owners=<file> privacy.images_per_owner=<images each>`` fits; features are computed once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import machine, progress, spread, table, versions, write_results

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.backend import load_tensorflow
from mnist_etc.composition import compose
from mnist_etc.data import Split, load_test
from mnist_etc.data.dataset import hold_out
from mnist_etc.data.registry import DATASETS
from mnist_etc.privacy.guarantee import Guarantee
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.training.units import count_units

PRIVATE = ["data=mnist", "features=scattering", "classifier.private=true"]
GROUPS = [1, 5, 20]


def deal(training: Split, images: int) -> Split:
    """The same images, each by a person who has so many; 1: without owners."""
    if images == 1:
        return training
    owners = np.random.default_rng(0).permutation(len(training) // images * images) // images
    return replace(training, owners=np.concatenate([owners, np.full(len(training) - len(owners), owners.max())]))


def measure(groups: list[int], seeds: int, keys: list[str]) -> dict[int, tuple[list[float], list[float], Guarantee]]:
    """Validation and test accuracy of each training, in %, and what it guarantees, by the images of a person."""
    load_tensorflow()
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.training.feature_fit import LabeledFeatures, accuracy, fit_on_features
    from mnist_etc.training.features import compute, find

    base = compose("train", TrainCommand, [*PRIVATE, *keys])
    training, test = DATASETS[base.data.kind].read(base.data, "train"), load_test(base.data)
    everything = hold_out(training, test, validation=base.data.validation, seed=base.data.split_seed)
    network = find(base, base.autoencoder, base.classifier, everything).network()
    features, test_features = compute(network, training), compute(network, test)
    progress("features computed")
    place = {image.tobytes(): index for index, image in enumerate(training.images)}
    found = {}
    for images in groups:
        command = compose("train", TrainCommand, [*PRIVATE, f"privacy.images_per_owner={images}", *keys])
        parts = hold_out(deal(training, images), test, validation=command.data.validation, seed=0)
        units, unit = count_units(parts.train)
        scores: tuple[list[float], list[float]] = ([], [])
        for seed in range(seeds):
            plan = PrivacyPlan.for_classifier(command.classifier, command.privacy, units, encoder=None, unit=unit)
            train, validation = (
                LabeledFeatures(features[[place[image.tobytes()] for image in part.images]], part.labels, part.owners)
                for part in (parts.train, parts.validation)
            )
            with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
                classifier, history = fit_on_features(
                    replace(command, seed=seed),
                    command.classifier,
                    plan,
                    train,
                    validation,
                    classes=len(training.names),
                    checkpoint=Checkpoint(Path(folder) / "checkpoint.npz", {}),
                    report=lambda *_: None,
                )
            scores[0].append(100 * history[-1]["validation_accuracy"])
            scores[1].append(100 * accuracy(classifier, LabeledFeatures(test_features, test.labels)))
            progress(f"{images} images a person, seed {seed}: validation {scores[0][-1]:.2f}, test {scores[1][-1]:.2f}")
        found[images] = (*scores, plan.guarantee)
    return found


def main() -> None:
    """Measure and write ``benchmarks/results/private_people.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, nargs="+", default=GROUPS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write no file")
    parser.add_argument("keys", nargs="*", help="more keys of train.py")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    here, rows = machine(), []
    for images, (validation, test, guarantee) in measure(arguments.groups, arguments.seeds, arguments.keys).items():
        sizes = GROUPS if images == 1 else [1]
        people = [f"{guarantee.for_group(size):.3g}" for size in sizes]
        name = "images" if images == 1 else f"people of {images} images"
        figures = [spread(test, ".2f"), f"{statistics.median(validation):.2f}"]
        rows.append([name, f"{guarantee.stages[-1].examples:,}", *figures, " / ".join(people)])
    if arguments.dry:
        print(rows)
        return
    write_results(
        "private_people",
        "People as the unit of privacy",
        {"machine": here, "versions": versions("tensorflow", "keras", "dp-accounting", "numpy")},
        f"MNIST, target epsilon 3, delta 1e-5. Test accuracy in %: median (least to greatest) of {arguments.seeds} "
        "seeds; validation: median. Last column: epsilon for a person with all images; of the first row for a person "
        f"with {', '.join(map(str, GROUPS))} images.",
        table(["unit", "units trained on", "test", "validation", "epsilon for a person"], rows),
    )


if __name__ == "__main__":
    main()
