"""A private autoencoder with a private head on its code: test accuracy and error at several epsilons, median of runs.

What ``python train.py autoencoder.private=true classifier.private=true privacy.target_epsilon=...`` fits, each run with
secret seeds of its own; the autoencoder's start on drawn images, which no seed of the noise and no epsilon changes, is
fitted once. The settings were chosen on validation images.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

from common import machine, progress, spread, table, versions, write_results

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.backend import load_tensorflow
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.privacy.plan import PrivacyPlan

PRIVATE = ["autoencoder.private=true", "classifier.private=true"]
EARLIER = {1.0: "90.6", 2.0: "91.1", 3.0: "92.2", 8.0: "92.5"}
"""Test accuracy before the start on drawn images and the random features: one run each, noted by hand, 2026-11-21."""
Figures = dict[str, float]


class Pipeline:
    """Both trainings on one dataset, from one start.

    Args:
        keys: of ``train.py``.
    """

    def __init__(self, keys: list[str]) -> None:
        load_tensorflow()
        from mnist_etc.models.registry import AUTOENCODERS
        from mnist_etc.training.autoencoder import autoencoder_task
        from mnist_etc.training.pretraining import pretrain

        self._keys = [*PRIVATE, *keys]
        command = compose("train", TrainCommand, self._keys)
        self._data = load(command.data)
        config = command.autoencoder
        self._model = AUTOENCODERS[config.model].network(config, command.seed)
        if config.pretraining_epochs:
            pretrain(partial(autoencoder_task, config, self._model), config, command.seed, self._data.side)
        self._start = self._model.get_weights()

    def run(self, epsilon: float) -> Figures:
        """The figures of one run with secret seeds; accuracies in %, errors a pixel on [0, 1]."""
        import keras

        from mnist_etc.fit.checkpoint import Checkpoint
        from mnist_etc.models.classifier import build_full_model
        from mnist_etc.models.random_features import after_random_features
        from mnist_etc.training.autoencoder import _mse, autoencoder_task
        from mnist_etc.training.feature_fit import LabeledFeatures, fit_on_features
        from mnist_etc.training.features import compute, expand
        from mnist_etc.training.recipe import fit_task

        command = compose("train", TrainCommand, [*self._keys, f"privacy.target_epsilon={epsilon}"])
        data, config, model = self._data, command.classifier, self._model
        model.set_weights(self._start)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            first = PrivacyPlan.for_autoencoder(command.autoencoder, command.privacy, len(data.train))
            fit_task(
                autoencoder_task(command.autoencoder, model, data.train.images),
                command.autoencoder,
                command,
                first,
                Checkpoint(Path(folder) / "autoencoder.npz", {}),
                evaluate=lambda _: {},
                report=lambda *_: None,
            )
            encoder = model.get_layer("encoder")
            plan = PrivacyPlan.for_classifier(config, command.privacy, len(data.train), encoder=first.stages)
            before = expand(encoder, config.random_features, command.seed)
            reads = keras.Sequential([encoder, before])
            head, history = fit_on_features(
                command,
                config,
                plan,
                *(LabeledFeatures(compute(reads, split), split.labels) for split in (data.train, data.validation)),
                classes=len(data.names),
                checkpoint=Checkpoint(Path(folder) / "classifier.npz", {}),
                report=lambda *_: None,
            )
        full = build_full_model(encoder, after_random_features(before, head))
        right = compute(full, data.test).argmax(axis=1) == data.test.labels
        return {
            "epsilon": epsilon,
            "stated": float(plan.guarantee.epsilon or 0),
            "test": 100 * float(right.mean()),
            "validation": 100 * history[-1]["validation_accuracy"],
            "test_mse": _mse(model, data.test.images),
        }


def main() -> None:
    """Measure what ``--runs`` lacks and write ``benchmarks/results/private_autoencoder.md`` from all that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilons", type=float, nargs="+", default=list(EARLIER))
    parser.add_argument("--count", type=int, default=3, help="runs at each epsilon")
    parser.add_argument("--runs", type=Path, required=True, help="a folder that keeps the figures of each run")
    parser.add_argument("keys", nargs="*", help="more keys of train.py")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    here, folder = machine(), arguments.runs
    folder.mkdir(parents=True, exist_ok=True)
    pipeline: Pipeline | None = None
    runs: dict[float, list[Figures]] = {epsilon: [] for epsilon in arguments.epsilons}
    for number in range(arguments.count):
        for epsilon, found in runs.items():
            path = folder / f"{epsilon:g}_{number}.json"
            if not path.exists():
                pipeline = pipeline or Pipeline(arguments.keys)
                path.write_text(json.dumps(pipeline.run(epsilon)))
            found.append(json.loads(path.read_text()))
            progress(f"{path.stem}: {found[-1]}")
    rows = []
    for epsilon, found in runs.items():
        test, errors = ([one[name] for one in found] for name in ("test", "test_mse"))
        rows.append(
            [
                f"{epsilon:g}",
                spread(test, ".2f"),
                f"{statistics.median(one['validation'] for one in found):.2f}",
                EARLIER.get(epsilon, ""),
                spread(errors, ".4f"),
            ]
        )
    write_results(
        "private_autoencoder",
        "A private autoencoder with a private head on its code",
        {"machine": here, "versions": versions("tensorflow", "keras", "dp-accounting", "numpy")},
        "MNIST, accuracy in %, delta 1e-5; one budget for both parts, half of it the autoencoder's. Test: median "
        f"(least to greatest) of {arguments.count} runs with secret seeds; validation: median. Before: one run each, "
        "without the start on drawn images and the random features of the code, noted by hand on 2026-11-21.",
        table(
            ["epsilon of both together", "test", "validation", "test, before", "autoencoder, test MSE"],
            rows,
        ),
    )


if __name__ == "__main__":
    main()
