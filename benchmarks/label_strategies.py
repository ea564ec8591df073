"""Query strategies beside random: labels against accuracy, with logistic regression and with label spreading.

Features are the principal components of scattering, fitted on the pool without a label. Each strategy asks in rounds;
between rounds a logistic regression learns from all answers. Runs are kept in a folder, so that one that was stopped
goes on. ``--part validation`` holds 10,000 images of the pool out and never reads the test images: for choosing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import machine, progress, table, versions, write_results

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mnist_etc.labels.spreading import Graph

ROUNDS = {
    "fashion_mnist": [50, 100, 200, 350, 500, 750, 1000, 1500, 2000],
    "mnist": [10, 20, 30, 40, 60, 80, 100],
}
"""How many labels there are after each round."""
TOLD = {"fashion_mnist": [100, 200, 500, 1000, 2000], "mnist": [10, 20, 40, 60, 100]}
COMPONENTS, FITTED = 300, 12_000
HELD_OUT = 10_000
LEARNERS = ("regression", "laplace", "poisson", "mbo", "both")
SPARSE = 500
"""Labels up to which the graph is asked too."""
BY_REGRESSION = (
    "Accuracy in % by logistic regression after so many labels, median of {seeds} seeds (worst); and the longest "
    "choice of one round in seconds."
)
BY_LEARNER = (
    "The same questions by learner: regression; label spreading on the graph of the pool, the sizes of the classes "
    "taken as equal; and the mean of regression and Laplace learning."
)
Run = dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Features and labels of one dataset."""

    name: str
    pool: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    others: npt.NDArray[np.float32]
    """Of the images that are told about: in no graph, no cluster, no choice."""
    truth: npt.NDArray[np.int64]


class Graphs:
    """Who is whose neighbour, in the pool and from outside."""

    def __init__(self, data: Data) -> None:
        from mnist_etc.labels.spreading import build_graph, link

        began = time.perf_counter()
        self.inside: Graph = build_graph(data.pool)
        self.links: Any = link(data.pool, data.others)
        progress(f"{data.name}: graph in {time.perf_counter() - began:.0f} s")


def main() -> None:
    """Measure what ``--runs`` lacks and write ``benchmarks/results/label_strategies.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=list(ROUNDS), choices=list(ROUNDS))
    parser.add_argument("--strategies", nargs="+", default=None, help="rows of STRATEGIES; all where it is not given")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, required=True, help="a folder that keeps features and figures")
    parser.add_argument("--only-measure", action="store_true", help="leave the page to another process")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs.resolve()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    os.chdir(Path(__file__).parents[1])
    from mnist_etc.labels.strategies.registry import STRATEGIES

    here, names = machine(), arguments.strategies or list(STRATEGIES)
    parts = []
    for dataset in arguments.datasets:
        runs = measure(dataset, names, arguments.part, arguments.seeds, arguments.runs)
        parts += pages(dataset, runs)
    if not arguments.only_measure:
        facts = {"machine": here, "versions": versions("scikit-activeml", "scikit-learn", "numpy")}
        write_results("label_strategies", "Which images to ask about", facts, *parts)


def measure(dataset: str, names: list[str], part: str, seeds: int, folder: Path) -> dict[str, list[Run]]:
    """The runs of each strategy; those that ``folder`` lacks are made and put there."""
    data: Data | None = None
    graph: Graphs | None = None
    found: dict[str, list[Run]] = {name: [] for name in names}
    for seed in range(seeds):
        for name in names:
            path = folder / f"{dataset}_{part}_{name}_{seed}.json"
            if not path.exists():
                if data is None:
                    data = read(dataset, part, folder)
                if graph is None:
                    graph = Graphs(data)
                path.write_text(json.dumps(run(data, name, seed, graph)))
            found[name].append(json.loads(path.read_text()))
            last = max(map(int, found[name][-1]))
            progress(f"{path.stem}: {found[name][-1][str(last)]}")
    return found


def run(data: Data, name: str, seed: int, graph: Graphs) -> Run:
    """Accuracy in % after each round, by learner; and the seconds that the choice took."""
    import numpy as np

    from mnist_etc.labels.strategies.pool import Pool
    from mnist_etc.labels.strategies.registry import STRATEGIES

    asked, probabilities, told = np.zeros(0, dtype=np.int64), None, {}
    for count in ROUNDS[data.name]:
        pool = Pool(
            features=data.pool,
            asked=asked,
            labels=data.labels[asked],
            probabilities=probabilities,
            classes=10,
            seed=seed,
        )
        began = time.perf_counter()
        asked = np.append(asked, STRATEGIES[name].choose(pool, count - len(asked)).indices)
        seconds = time.perf_counter() - began
        probabilities, others = regress(data, asked)
        answers: dict[str, npt.NDArray[Any]] = {"regression": others}
        if count <= SPARSE and count in TOLD[data.name]:
            answers |= spread(data, asked, graph)
            answers["both"] = others + answers["laplace"]
        told[str(count)] = {"seconds": seconds} | {
            learner: 100 * float(np.mean(answer.argmax(axis=1) == data.truth)) for learner, answer in answers.items()
        }
    return told


def regress(data: Data, asked: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Probabilities of the pool and of the others by scikit-learn's logistic regression."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    learned = LogisticRegression(C=1.0, max_iter=300).fit(data.pool[asked], data.labels[asked])
    answers = []
    for features in (data.pool, data.others):
        rows = np.zeros((len(features), 10), dtype=np.float32)
        rows[:, learned.classes_] = learned.predict_proba(features)
        answers.append(rows)
    return answers[0], answers[1]


def spread(data: Data, asked: npt.NDArray[np.int64], graph: Graphs) -> dict[str, npt.NDArray[np.float64]]:
    """Probabilities of the others, which are in no graph, from their neighbours in the pool's."""
    import numpy as np

    from mnist_etc.labels.spreading import laplace, poisson, poisson_mbo

    labels, equal = data.labels[asked], np.full(10, 0.1)
    inside = np.hstack(
        [
            laplace(None, asked, labels, 10, graph=graph.inside, priors=equal),
            poisson(None, asked, labels, 10, graph=graph.inside, priors=equal),
            poisson_mbo(None, asked, labels, 10, graph=graph.inside, priors=equal),
        ]
    )
    outside = graph.links @ inside
    return dict(zip(LEARNERS[1:4], np.split(np.asarray(outside), 3, axis=1), strict=True))


def read(dataset: str, part: str, folder: Path) -> Data:
    """The pool, and the images that are told about: the test images, or such of the pool as are held out of it."""
    import numpy as np

    from mnist_etc.artifacts.config import SupervisedCommand
    from mnist_etc.composition import compose
    from mnist_etc.data import load_test
    from mnist_etc.data.registry import DATASETS

    config = compose("supervised", SupervisedCommand, [f"data={dataset}"]).data
    train, test = DATASETS[config.kind].read(config, "train"), load_test(config)
    paths = [folder / f"{dataset}_scattering_pca{COMPONENTS}_{name}.npy" for name in ("train", "test")]
    if not all(path.exists() for path in paths):
        for path, features in zip(paths, describe(train.images, test.images), strict=True):
            np.save(path, features)
    pool, others = (np.load(path) for path in paths)
    if part == "test":
        return Data(name=dataset, pool=pool, labels=train.labels, others=others, truth=test.labels)
    order = np.random.default_rng(0).permutation(len(pool))
    out, left = order[:HELD_OUT], np.sort(order[HELD_OUT:])
    return Data(name=dataset, pool=pool[left], labels=train.labels[left], others=pool[out], truth=train.labels[out])


def describe(*parts: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    """Principal components of scattering, each over the fourth root of its variance; fitted on some of the first."""
    import numpy as np
    from sklearn.decomposition import PCA

    from mnist_etc.backend import load_tensorflow
    from mnist_etc.data.dataset import scale_pixels

    load_tensorflow()
    from mnist_etc.models.scattering import build_features

    network = build_features()

    def scatter(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        firsts = range(0, len(images), 128)
        return np.concatenate([network(scale_pixels(images[first : first + 128])).numpy() for first in firsts])

    raw = [scatter(images) for images in parts]
    seen = np.sort(np.random.default_rng(0).permutation(len(raw[0]))[:FITTED])
    components = PCA(COMPONENTS, svd_solver="randomized", iterated_power=2, random_state=0).fit(raw[0][seen])
    return [(components.transform(one) * components.explained_variance_**-0.25).astype(np.float32) for one in raw]


def pages(dataset: str, runs: dict[str, list[Run]]) -> list[str]:
    """A table by logistic regression, and where there are few labels one by learner."""
    counts = [str(count) for count in TOLD[dataset]]
    rows = [
        [f"`{name}`", *(_cell([run[count]["regression"] for run in all_runs]) for count in counts), _slowest(all_runs)]
        for name, all_runs in runs.items()
    ]
    few = [count for count in counts if int(count) <= SPARSE]
    by_learner = [
        [f"`{name}`", count, *(_cell([run[count][learner] for run in all_runs]) for learner in LEARNERS)]
        for name, all_runs in runs.items()
        for count in few
    ]
    seeds = min(map(len, runs.values()))
    return [
        f"## {dataset}",
        BY_REGRESSION.format(seeds=seeds),
        table(["strategy", *(f"{int(count):,}" for count in counts), "seconds"], rows),
        BY_LEARNER,
        table(["strategy", "labels", "regression", "Laplace", "Poisson", "Poisson MBO", "mean"], by_learner),
    ]


def _cell(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f})"


def _slowest(runs: list[Run]) -> str:
    return f"{max(one['seconds'] for run in runs for one in run.values()):.1f}"


if __name__ == "__main__":
    main()
