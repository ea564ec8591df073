"""The private pipeline's accuracy on the test images at several epsilons, median of seeds: the README's table.

What ``python train.py features=scattering classifier.private=true privacy.target_epsilon=... data=...`` fits, but the
features are computed once for all. The settings were chosen on validation images.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
from pathlib import Path

from common import machine, progress, spread, table, versions, write_results

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.backend import load_tensorflow
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.privacy.plan import PrivacyPlan

PRIVATE = ["features=scattering", "classifier.private=true"]
PUBLISHED = {
    "mnist": {1.0: 97.8, 2.0: 98.4, 3.0: 98.3},
    "fashion_mnist": {1.0: 85.5, 2.0: 88.0, 3.0: 89.0},
}
"""The best figures published elsewhere, as noted in an earlier README without their papers; none at epsilon 8."""


def measure(dataset: str, epsilons: list[float], seeds: int, keys: list[str]) -> dict[float, list[tuple[float, float]]]:
    """Validation and test accuracy of each training, in %, by epsilon."""
    load_tensorflow()
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.training.feature_fit import LabeledFeatures, accuracy, fit_on_features
    from mnist_etc.training.features import compute, find

    base = compose("train", TrainCommand, [f"data={dataset}", *PRIVATE, *keys])
    data = load(base.data)
    source = find(base, base.autoencoder, base.classifier, data)
    network = source.network()
    parts = [(compute(network, split), split.labels) for split in (data.train, data.validation, data.test)]
    progress(f"{dataset}: features computed")
    found: dict[float, list[tuple[float, float]]] = {epsilon: [] for epsilon in epsilons}
    for seed in range(seeds):
        for epsilon in epsilons:
            asked = [f"data={dataset}", *PRIVATE, *keys, f"seed={seed}", f"privacy.target_epsilon={epsilon}"]
            command = compose("train", TrainCommand, asked)
            train, validation, test = (LabeledFeatures(values.copy(), labels) for values, labels in parts)
            with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
                plan = PrivacyPlan.for_classifier(
                    command.classifier, command.privacy, len(data.train), encoder=source.stages
                )
                classifier, history = fit_on_features(
                    command,
                    command.classifier,
                    plan,
                    train,
                    validation,
                    checkpoint=Checkpoint(Path(folder) / "checkpoint.npz", {}),
                    report=lambda *_: None,
                )
            found[epsilon].append((100 * history[-1]["validation_accuracy"], 100 * accuracy(classifier, test)))
            progress(f"{dataset} epsilon {epsilon:g} seed {seed}: validation and test {found[epsilon][-1]}")
    return found


def main() -> None:
    """Measure and write ``benchmarks/results/private_figures.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 2.0, 3.0, 8.0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("keys", nargs="*", help="more keys of train.py")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    here = machine()
    rows = []
    for dataset in arguments.datasets:
        runs = measure(dataset, arguments.epsilons, arguments.seeds, arguments.keys)
        for epsilon, pairs in runs.items():
            validation, test = zip(*pairs, strict=True)
            published = PUBLISHED[dataset].get(epsilon, "")
            name = f"{dataset}, epsilon {epsilon:g}"
            rows.append([name, spread(test, ".2f"), f"{statistics.median(validation):.2f}", str(published)])
    write_results(
        "private_figures",
        "Accuracy of the private pipeline",
        {"machine": here, "versions": versions("tensorflow", "keras", "dp-accounting", "numpy")},
        f"In %, delta 1e-5. Test: median (least to greatest) of {arguments.seeds} seeds; validation: median. "
        'The column "best published" was noted by hand, without its papers.',
        table(["", "test", "validation", "best published"], rows),
    )


if __name__ == "__main__":
    main()
