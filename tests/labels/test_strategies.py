"""Query strategies: what each promises, and that each does what its paper says."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.linear_model import LogisticRegression
from support import ROOT

from mnist_etc.errors import ConfigError, LabelError
from mnist_etc.labels.strategies.pool import Choice, Pool
from mnist_etc.labels.strategies.registry import STRATEGIES, Strategy, ask

CLASSES = 4
WIDE = Strategy(help="", source="", implementation=lambda pool, k: Choice(indices=pool.left[:k], scores=np.zeros(k)))


def blobs(count: int = 400, asked: int = 20, *, seed: int = 0, spread: float = 1.0, believed: bool = True) -> Pool:
    """A pool of images of four kinds; probabilities of a classifier that learned from the first ones."""
    features, kinds = make_blobs(count, 8, centers=CLASSES, cluster_std=spread, random_state=3)
    features, kinds = features.astype(np.float32), kinds.astype(np.int64)
    probabilities = None
    if believed:
        learned = LogisticRegression(max_iter=1000).fit(features[:40], kinds[:40])
        probabilities = learned.predict_proba(features).astype(np.float32)
    first = np.arange(asked)
    return Pool(
        features=features,
        asked=first,
        labels=kinds[:asked],
        probabilities=probabilities,
        classes=CLASSES,
        seed=seed,
    )


@pytest.mark.parametrize("name", list(STRATEGIES))
class TestEveryRow:
    def test_asks_for_new_images_once(self, name: str) -> None:
        pool = blobs(spread=4.0)
        choice = STRATEGIES[name].choose(pool, 30)
        assert choice.indices.shape == choice.scores.shape == (30,)
        assert choice.indices.dtype == np.int64
        assert choice.scores.dtype == np.float64
        assert len(set(choice.indices.tolist()) - set(pool.asked.tolist())) == 30
        assert np.isfinite(choice.scores).all()

    def test_says_the_same_for_the_same_seed_whatever_else_draws(self, name: str) -> None:
        one = STRATEGIES[name].choose(blobs(spread=4.0), 12)
        np.random.seed(77)  # noqa: NPY002 -- of no matter to whoever draws from a generator of its own
        other = STRATEGIES[name].choose(blobs(spread=4.0), 12)
        assert one.indices.tolist() == other.indices.tolist()
        assert one.scores.tolist() == other.scores.tolist()

    @pytest.mark.parametrize("believed", [True, False])
    def test_can_ask_for_all_that_are_left(self, name: str, believed: bool) -> None:
        pool = blobs(90, believed=believed)
        assert sorted(ask(name, pool, 70, labels=90)[1].indices) == list(range(20, 90))

    def test_bears_images_that_are_all_alike(self, name: str) -> None:
        pool = Pool(
            features=np.ones((60, 5), dtype=np.float32),
            asked=np.arange(3),
            labels=np.array([0, 1, 1]),
            probabilities=np.full((60, 2), 0.5, dtype=np.float32),
            classes=2,
            seed=0,
        )
        assert len(STRATEGIES[name].choose(pool, 9).indices) == 9

    def test_holds_no_matrix_of_all_distances(self, name: str) -> None:
        pool = blobs(8000, 10)
        tracemalloc.start()
        STRATEGIES[name].choose(pool, 10)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8000 * 8000 * 2

    @pytest.mark.parametrize("k", [0, 381])
    def test_refuses_what_is_not_left(self, name: str, k: int) -> None:
        with pytest.raises(LabelError, match=f"Expected 1 to 380 questions.* received {k}"):
            STRATEGIES[name].choose(blobs(), k)

    def test_starts_by_clusters_where_it_needs_probabilities(self, name: str) -> None:
        row = STRATEGIES[name]
        for asked, labels, start in ((0, CLASSES, "spectral"), (2, CLASSES, "spectral"), (2, CLASSES + 1, "centers")):
            pool, k = blobs(asked=asked, believed=False), labels - asked
            chooser, choice = ask(name, pool, k, labels=labels)
            assert chooser == (start if row.needs_probabilities else name)
            assert choice.indices.tolist() == STRATEGIES[chooser].choose(pool, k).indices.tolist()
        assert row.help
        assert row.source

    def test_asks_about_nothing_that_is_barred(self, name: str) -> None:
        pool = replace(blobs(90), barred=np.arange(30, 60))
        assert sorted(STRATEGIES[name].choose(pool, 40).indices) == [*range(20, 30), *range(60, 90)]


def test_the_page_names_each() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text()
    assert [name for name in STRATEGIES if f"`{name}`" not in page] == []


def test_another_seed_and_another_round_draw_others() -> None:
    chosen = [STRATEGIES["random"].choose(blobs(asked=m, seed=s), 9).indices.tolist() for m, s in ((20, 0), (20, 1))]
    later = STRATEGIES["random"].choose(blobs(asked=21, seed=0), 9).indices.tolist()
    assert chosen[0] != chosen[1]
    assert chosen[0] != later


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"random, .*; received 'margins'. Did you mean margin\?"):
        STRATEGIES["margins"]


@pytest.mark.parametrize("indices", [[3, 30], [30, 30], [30]])
def test_a_row_of_ones_own_cannot_ask_twice(indices: list[int]) -> None:
    wrong = Strategy(
        help="", source="", implementation=lambda pool, k: Choice(indices=np.array(indices), scores=np.zeros(k))
    )
    assert WIDE.choose(blobs(), 2).indices.tolist() == [20, 21]
    with pytest.raises(ValueError, match="Expected 2 new images"):
        wrong.choose(blobs(), 2)


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("entropy", lambda p: -(p * np.log(p)).sum(axis=1)),
        ("margin", lambda p: 1 - (np.sort(p)[:, -1] - np.sort(p)[:, -2])),
        ("least_confident", lambda p: 1 - p.max(axis=1)),
    ],
)
def test_doubt_is_as_it_is_defined(name: str, score: object) -> None:
    pool = blobs(spread=4.0)
    assert callable(score)
    expected = score(pool.belief().astype(np.float64))
    expected[pool.asked] = -np.inf
    best = np.argsort(-expected)[:15]
    choice = STRATEGIES[name].choose(pool, 15)
    assert set(choice.indices) == set(best)
    np.testing.assert_allclose(choice.scores, expected[best], rtol=1e-5)


def distances(features: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = features.astype(np.float64)
    return np.asarray(np.sqrt(np.square(wide[:, None] - wide[None]).sum(axis=2)))


def test_coreset_goes_to_the_farthest() -> None:
    pool = blobs(150)
    apart = distances(pool.features)
    chosen = pool.asked.tolist()
    for _ in range(60):
        chosen.append(int(np.argmax(apart[:, chosen].min(axis=1))))
    choice = STRATEGIES["coreset"].choose(pool, 60)
    assert choice.indices.tolist() == chosen[20:]
    assert all(one >= other for one, other in pairwise(choice.scores.round(3)))


def test_typiclust_asks_about_the_most_typical_of_each_blob() -> None:
    pool = blobs(200, asked=0, spread=0.5, believed=False)
    apart = distances(pool.features)
    kinds = KMeans(CLASSES, n_init=5, random_state=0).fit_predict(pool.features)
    expected = set()
    for kind in range(CLASSES):
        members = np.flatnonzero(kinds == kind)
        nearest = np.sort(apart[np.ix_(members, members)])[:, 1:21]
        expected.add(int(members[np.argmin(nearest.mean(axis=1))]))
    assert set(STRATEGIES["typiclust"].choose(pool, CLASSES).indices.tolist()) == expected


def test_centers_asks_about_the_middle_of_each_blob() -> None:
    pool = blobs(200, asked=0, spread=0.5, believed=False)
    kinds = KMeans(CLASSES, n_init=5, random_state=0).fit_predict(pool.features)
    expected = set()
    for kind in range(CLASSES):
        members = np.flatnonzero(kinds == kind)
        apart = np.linalg.norm(pool.features[members] - pool.features[members].mean(axis=0), axis=1)
        expected.add(int(members[np.argmin(apart)]))
    assert set(STRATEGIES["centers"].choose(pool, CLASSES).indices.tolist()) == expected


def test_spectral_follows_clusters_of_any_shape() -> None:
    """Two moons, two questions: k-means cuts both, so its centers would not do."""
    features, moons = make_moons((300, 300), noise=0.05, random_state=0)
    for seed in range(3):
        pool = Pool(
            features=features.astype(np.float32),
            asked=np.zeros(0, int),
            labels=np.zeros(0, int),
            probabilities=None,
            classes=2,
            seed=seed,
        )
        assert set(moons[STRATEGIES["spectral"].choose(pool, 2).indices]) == {0, 1}


@pytest.mark.parametrize("name", ["typiclust", "centers"])
def test_a_blob_that_was_asked_about_is_left_alone(name: str) -> None:
    whole = blobs(200, asked=0, spread=0.5, believed=False)
    kinds = KMeans(CLASSES, n_init=5, random_state=0).fit_predict(whole.features)
    asked = np.flatnonzero(kinds == 2)[:1]
    pool = Pool(
        features=whole.features, asked=asked, labels=np.zeros(1, int), probabilities=None, classes=CLASSES, seed=0
    )
    assert sorted(kinds[STRATEGIES[name].choose(pool, CLASSES - 1).indices]) == [0, 1, 3]


def test_probcover_covers_the_blobs_one_by_one() -> None:
    pool = blobs(200, asked=0, spread=0.5, believed=False)
    kinds = KMeans(CLASSES, n_init=5, random_state=0).fit_predict(pool.features)
    choice = STRATEGIES["probcover"].choose(pool, 40)
    assert set(kinds[choice.indices[:12]]) == set(range(CLASSES))
    assert all(one >= other for one, other in pairwise(choice.scores))


def test_badge_goes_by_gradients() -> None:
    """A score is the squared distance of the gradient, written out, to those of the images chosen before."""
    pool = blobs(150, spread=4.0)
    belief = pool.belief().astype(np.float64)
    errors = belief - np.eye(CLASSES)[belief.argmax(axis=1)]
    gradients = (errors[:, :, None] * pool.features[:, None, :].astype(np.float64)).reshape(len(errors), -1)
    choice = STRATEGIES["badge"].choose(pool, 12)
    first, *others = choice.indices
    lengths = np.square(gradients[20:]).sum(axis=1)
    assert first == 20 + np.argmax(lengths)
    for place, index in enumerate(others, start=1):
        gaps = np.square(gradients[choice.indices[:place]] - gradients[index]).sum(axis=1)
        assert choice.scores[place] == pytest.approx(gaps.min(), rel=1e-3, abs=1e-6)


def test_cluster_margin_spreads_over_kinds_of_doubt() -> None:
    """Two far groups are in doubt, the larger one a little more: margins alone would ask about it alone."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(4000, 4)).astype(np.float32)
    features[:30] += 20
    features[30:40] -= 20
    sure = np.full((4000, 2), (0.99, 0.01), dtype=np.float32)
    sure[:30], sure[30:40] = (0.51, 0.49), (0.55, 0.45)
    pool = Pool(
        features=features, asked=np.zeros(0, int), labels=np.zeros(0, int), probabilities=sure, classes=2, seed=0
    )
    assert STRATEGIES["margin"].choose(pool, 8).indices.max() < 30
    chosen = STRATEGIES["cluster_margin"].choose(pool, 8).indices
    assert (chosen < 30).any()
    assert ((chosen >= 30) & (chosen < 40)).any()


def test_choosing_pays() -> None:
    """Digits, 60 labels: logistic regression, mean of two seeds."""
    images, digits = load_digits(return_X_y=True)
    features, labels = (images / 16).astype(np.float32), digits.astype(np.int64)

    def accuracy(name: str, seed: int) -> float:
        asked, probabilities = np.zeros(0, dtype=np.int64), None
        for k in (30, 30):
            pool = Pool(
                features=features,
                asked=asked,
                labels=labels[asked],
                probabilities=probabilities,
                classes=10,
                seed=seed,
            )
            asked = np.append(asked, ask(name, pool, k, labels=len(asked) + k)[1].indices)
            learned = LogisticRegression(C=10, max_iter=1000).fit(features[asked], labels[asked])
            probabilities = np.zeros((len(features), 10), dtype=np.float32)
            probabilities[:, learned.classes_] = learned.predict_proba(features)
        return float((probabilities.argmax(axis=1) == labels).mean())

    means = {name: np.mean([accuracy(name, seed) for seed in (0, 1)]) for name in ("random", "cluster_margin")}
    assert means["cluster_margin"] > means["random"] + 0.02, means
