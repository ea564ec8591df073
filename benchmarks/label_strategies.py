"""Query strategies beside random: labels against accuracy, with logistic regression and with label spreading.

Features are the principal components of scattering, fitted on the pool without a label. Each strategy asks in rounds;
between rounds a logistic regression learns from all answers. Runs are kept in a folder, so that one that was stopped
goes on. ``--part validation`` tells of 5,000 images held out of the pool, and never of the test images: for choosing.
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

ROUNDS = {
    "fashion_mnist": [50, 100, 200, 350, 500, 750, 1000, 1500, 2000],
    "mnist": [10, 20, 30, 40, 60, 80, 100],
}
"""How many labels there are after each round."""
TOLD = {"fashion_mnist": [100, 200, 500, 1000, 2000], "mnist": [10, 20, 40, 60, 100]}
COMPONENTS, FITTED = 300, 10_000
STRENGTH = 10.0
"""Inverse of the regression's regularization, chosen on validation images among 1, 3, 10, 30, 100 and 300."""
LEARNERS = ("regression", "laplace", "poisson", "mbo", "both")
JOINED = {"fashion_mnist": 300, "mnist": 60}
"""Of the components, the first so many are what the graph goes by."""
SPARSE = 100
"""Labels up to which Poisson learning is measured too."""
BY_REGRESSION = (
    "Accuracy in % by logistic regression after so many labels, median over seeds (worst); and the longest "
    "choice of one round in seconds."
)
BY_LEARNER = (
    "The same questions by learner: regression; label spreading on the graph of the pool, the sizes of the classes "
    "taken as equal by Poisson learning; and the mean of regression and Laplace learning."
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
    """Who is whose neighbour, in the pool and from outside; kept in a folder."""

    def __init__(self, data: Data, folder: Path, part: str) -> None:
        import numpy as np
        from scipy.sparse import csr_array, load_npz, save_npz

        from mnist_etc.labels.spreading import Graph, build_graph, link

        inside, links = (folder / f"{data.name}_{part}_{name}.npz" for name in ("graph", "links"))
        if not inside.exists() or not links.exists():
            began = time.perf_counter()
            pool, others = (np.ascontiguousarray(one[:, : JOINED[data.name]]) for one in (data.pool, data.others))
            save_npz(inside, build_graph(pool).weights)
            save_npz(links, link(pool, others))
            progress(f"{data.name}: graph in {time.perf_counter() - began:.0f} s")
        weights = csr_array(load_npz(inside))
        self.inside, self.links = Graph(weights, np.asarray(weights.sum(axis=1)).ravel()), csr_array(load_npz(links))


def main() -> None:
    """Measure what ``--runs`` lacks and write ``benchmarks/results/label_strategies.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=list(ROUNDS), choices=list(ROUNDS))
    parser.add_argument("--strategies", nargs="+", default=None, help="rows of STRATEGIES; all where it is not given")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, required=True, help="a folder that keeps features and figures")
    parser.add_argument("--most", type=int, default=2000, help="labels")
    parser.add_argument("--no-graph", action="store_true", help="learn by regression alone")
    parser.add_argument("--only-measure", action="store_true", help="leave the page to another process")
    parser.add_argument("--only-page", action="store_true", help="of the figures that are there")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs.resolve()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    os.chdir(Path(__file__).parents[1])
    from mnist_etc.labels.strategies.registry import STRATEGIES

    here, names = machine(), arguments.strategies or list(STRATEGIES)
    parts = []
    for dataset in arguments.datasets:
        runs = measure(dataset, names, arguments)
        parts += pages(dataset, runs, arguments.part)
    if not arguments.only_measure:
        facts = {"machine": here, "versions": versions("scikit-activeml", "scikit-learn", "numpy")}
        write_results("label_strategies", "Which images to ask about", facts, *parts)


def measure(dataset: str, names: list[str], asked: argparse.Namespace) -> dict[str, list[Run]]:
    """The runs of each strategy; those that the folder lacks are made and put there."""
    data: Data | None = None
    graph: Graphs | None = None
    for seed in range(0 if asked.only_page else asked.seeds):
        for name in names:
            path = asked.runs / f"{dataset}_{asked.part}_{name}_{seed}.json"
            if not path.exists():
                data = data or read(dataset, asked.part, asked.runs)
                graph = graph or (None if asked.no_graph else Graphs(data, asked.runs, asked.part))
                path.write_text(json.dumps(run(data, name, seed, graph, asked.most)))
            progress(f"{path.stem}: {path.read_text()[-200:]}")
    kept = {name: sorted(asked.runs.glob(f"{dataset}_{asked.part}_{name}_[0-9]*.json")) for name in names}
    return {name: [json.loads(path.read_text()) for path in paths] for name, paths in kept.items() if paths}


def run(data: Data, name: str, seed: int, graph: Graphs | None, most: int) -> Run:
    """Accuracy in % after each round, by learner; and the seconds that the choice took."""
    import numpy as np

    from mnist_etc.labels.strategies.pool import Pool
    from mnist_etc.labels.strategies.registry import ask

    asked, probabilities, told = np.zeros(0, dtype=np.int64), None, {}
    for count in (count for count in ROUNDS[data.name] if count <= most):
        pool = Pool(
            features=data.pool,
            asked=asked,
            labels=data.labels[asked],
            probabilities=probabilities,
            classes=10,
            seed=seed,
        )
        began = time.perf_counter()
        asked = np.append(asked, ask(name, pool, count - len(asked), labels=count)[1].indices)
        seconds = time.perf_counter() - began
        probabilities, others = regress(data, asked)
        answers: dict[str, npt.NDArray[Any]] = {"regression": others}
        if graph and count in TOLD[data.name]:
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

    learned = LogisticRegression(C=STRENGTH, max_iter=300).fit(data.pool[asked], data.labels[asked])
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
    found = {"laplace": laplace(None, asked, labels, 10, graph=graph.inside)}
    if len(asked) <= SPARSE:
        found["poisson"] = poisson(None, asked, labels, 10, graph=graph.inside, priors=equal)
        found["mbo"] = poisson_mbo(None, asked, labels, 10, graph=graph.inside, priors=equal)
    return {name: np.asarray(graph.links @ inside) for name, inside in found.items()}


def read(dataset: str, part: str, folder: Path) -> Data:
    """The pool, and the images that are told about: the test images, or the validation images held out of the pool."""
    import numpy as np

    from mnist_etc.artifacts.config import SupervisedCommand
    from mnist_etc.composition import compose
    from mnist_etc.data import load

    data = load(compose("supervised", SupervisedCommand, [f"data={dataset}"]).data)
    splits = [data.train, data.validation] if part == "validation" else [data.train, data.validation, data.test]
    images, labels = (np.concatenate([getattr(one, name) for one in splits]) for name in ("images", "labels"))
    first = len(images) - len(splits[-1])
    path = folder / f"{dataset}_{part}.npy"
    if not path.exists():
        np.save(path, describe(images, first))
    features = np.load(path)
    return Data(
        name=dataset, pool=features[:first], labels=labels[:first], others=features[first:], truth=labels[first:]
    )


def describe(images: npt.NDArray[np.uint8], first: int) -> npt.NDArray[np.float32]:
    """Principal components of scattering, each over the fourth root of its variance, of squares that sum to 1.

    Args:
        images: uint8 ``(n, 28, 28)``.
        first: how many of them the components are fitted to a part of.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    from mnist_etc.backend import load_tensorflow
    from mnist_etc.data.dataset import scale_pixels
    from mnist_etc.data.dataset import spread as evenly

    load_tensorflow()
    from mnist_etc.models.scattering import build_features

    network = build_features()

    def scatter(some: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        batches = range(0, len(some), 128)
        return np.concatenate([network(scale_pixels(some[start : start + 128])).numpy() for start in batches])

    seen = scatter(images[evenly(first, FITTED)])
    found = PCA(COMPONENTS, svd_solver="randomized", iterated_power=3, random_state=0).fit(seen)
    roots = np.sqrt(found.explained_variance_)
    kernel = (found.components_.T / np.sqrt(roots * roots.sum())).astype(np.float32)
    chunks = range(0, len(images), 2048)
    return np.concatenate([(scatter(images[start : start + 2048]) - found.mean_) @ kernel for start in chunks])


def pages(dataset: str, runs: dict[str, list[Run]], part: str) -> list[str]:
    """A table by logistic regression, and where there are few labels one by learner."""
    counts = [str(count) for count in TOLD[dataset]]
    rows = [
        [
            f"`{name}`",
            str(len(all_runs)),
            *(_cell(all_runs, count, "regression") for count in counts),
            _slowest(all_runs),
        ]
        for name, all_runs in runs.items()
    ]
    by_learner = [
        [
            f"`{name}`",
            count,
            *(_cell(all_runs, count, learner) for learner in LEARNERS),
        ]
        for name, all_runs in runs.items()
        for count in counts
        if any("laplace" in run.get(count, {}) for run in all_runs)
    ]
    return [
        f"## {dataset}, {part} images",
        BY_REGRESSION,
        table(["strategy", "seeds", *(f"{int(count):,}" for count in counts), "seconds"], rows),
        BY_LEARNER,
        table(["strategy", "labels", "regression", "Laplace", "Poisson", "Poisson MBO", "mean"], by_learner),
    ]


def _cell(runs: list[Run], count: str, learner: str) -> str:
    values = [run[count][learner] for run in runs if learner in run.get(count, {})]
    return f"{statistics.median(values):.1f} ({min(values):.1f})" if values else ""


def _slowest(runs: list[Run]) -> str:
    return f"{max(one['seconds'] for run in runs for one in run.values()):.1f}"


if __name__ == "__main__":
    main()
