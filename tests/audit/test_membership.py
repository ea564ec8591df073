"""Membership inference: its figures against closed forms, and against models that do and do not give members away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from support import Run

from mnist_etc.audit.membership import (
    MembershipResult,
    clopper_pearson,
    likelihood_ratios,
    log_odds,
    membership_attacks,
    membership_result,
)
from mnist_etc.audit.membership_run import _plain_logits
from mnist_etc.data import Split

COUNT, INPUTS = 600, 50


def flags(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(count) < count // 2


def test_figures_of_a_known_order() -> None:
    member = np.array([True, True, False, True, False, False])
    found = membership_result("x", np.array([6.0, 5, 4, 3, 2, 1]), member)
    assert found == MembershipResult(
        name="x",
        auc=pytest.approx(8 / 9),
        tpr=pytest.approx(2 / 3),
        tpr_interval=pytest.approx((0.0943, 0.9916), abs=1e-4),
        fpr_bound=pytest.approx(1 - 0.025 ** (1 / 3)),
        members=3,
        non_members=3,
    )
    assert membership_result("x", np.zeros(6), member).auc == 0.5
    assert membership_result("x", np.zeros(6), member).tpr == 0


def test_figures_of_two_normal_distributions() -> None:
    member, generator = flags(40_000), np.random.default_rng(1)
    scores = generator.normal(size=member.size) + 2 * member
    found = membership_result("x", scores, member)
    assert found.auc == pytest.approx(norm.cdf(2 / np.sqrt(2)), abs=0.005)
    assert found.auc == pytest.approx(roc_auc_score(member, scores))
    assert found.tpr == pytest.approx(norm.sf(norm.isf(0.001) - 2), abs=0.05)
    threshold = np.sort(scores[~member])[-21]  # 20 of 20,000, 0.1 %, are above
    assert found.tpr == pytest.approx((scores[member] > threshold).mean(), abs=1e-9)


def test_the_interval_is_clopper_and_pearsons() -> None:
    assert clopper_pearson(0, 700) == pytest.approx((0, 1 - 0.025 ** (1 / 700)))
    assert clopper_pearson(700, 700) == pytest.approx((0.025 ** (1 / 700), 1))
    low, high = clopper_pearson(12, 50)
    assert binom.sf(11, 50, low) == pytest.approx(0.025)
    assert binom.cdf(12, 50, high) == pytest.approx(0.025)


def test_the_interval_holds_what_it_says() -> None:
    """Of the fraction found by an attack of known power, at a threshold that is given."""
    generator = np.random.default_rng(7)
    held = [
        low <= 0.06 <= high for low, high in (clopper_pearson(int(n), 300) for n in generator.binomial(300, 0.06, 400))
    ]
    assert np.mean(held) >= 0.94


def test_log_odds_of_probabilities() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]])
    np.testing.assert_allclose(log_odds(np.log(probabilities) + 3, np.array([0, 2])), np.log([0.7 / 0.3, 0.25 / 0.75]))


def test_lira_is_the_likelihood_ratio_of_two_normal_distributions() -> None:
    generator = np.random.default_rng(2)
    means_out, gap, spread = generator.normal(size=400) * 5, 1.5, 0.7
    inside = np.tile(np.arange(2000)[:, np.newaxis] % 2 == 0, 400)
    shadows = means_out + gap * inside + spread * generator.normal(size=inside.shape)
    seen = means_out + generator.normal(size=400)
    exact = norm.logpdf(seen, means_out + gap, spread) - norm.logpdf(seen, means_out, spread)
    np.testing.assert_allclose(likelihood_ratios(seen, shadows, inside), exact, atol=0.5)
    assert np.corrcoef(likelihood_ratios(seen, shadows, inside), exact)[0, 1] > 0.999


def fitted(labels: np.ndarray, features: np.ndarray, included: np.ndarray, penalty: float) -> np.ndarray:
    head = LogisticRegression(C=1 / penalty, max_iter=500).fit(features[included], labels[included])
    return head.decision_function(features)


def attacked(penalty: float, *, blind: bool = False) -> list[MembershipResult]:
    """A head on random labels, so that whatever it learns it learned by heart; blind: attacked for others' members."""
    generator = np.random.default_rng(3)
    features, labels = generator.normal(size=(COUNT, INPUTS)), np.arange(COUNT) % 10
    member = flags(COUNT)
    shadow_member = np.array([half for seed in range(1, 5) for half in (flags(COUNT, seed), ~flags(COUNT, seed))])
    logits = fitted(labels, features, member, penalty)
    shadow_logits = np.array([fitted(labels, features, one, penalty) for one in shadow_member])
    return membership_attacks(logits, labels, flags(COUNT, 99) if blind else member, shadow_logits, shadow_member)


def test_an_overfitted_model_gives_its_members_away() -> None:
    threshold, regression, lira = attacked(penalty=1e-2)
    assert threshold.auc > 0.8
    assert regression.auc > 0.8
    assert lira.auc > 0.8
    assert lira.tpr > 0.05
    assert {(one.members, one.non_members) for one in (threshold, regression, lira)} == {(300, 300)}


def test_a_blind_attacker_finds_nothing() -> None:
    """Members of another split: no attack may invent any."""
    deviation = np.sqrt((COUNT + 1) / (12 * (COUNT // 2) ** 2))  # of the area under the curve of a blind guess
    for one in attacked(penalty=1e-2, blind=True):
        assert abs(one.auc - 0.5) < 4 * deviation, one
        assert one.tpr < 0.04


@pytest.mark.parametrize("classes", [2, 3])
def test_logits_of_few_classes_are_those_of_the_plain_head(classes: int) -> None:
    """Of two classes scikit-learn gives one number an image."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % classes
    features = (np.eye(classes)[labels] + 0.3 * generator.random((60, classes))).astype(np.float32)
    names = tuple(map(str, range(classes)))
    images = Split(np.zeros((60, 28, 28), np.uint8), labels, names=names)
    logits = _plain_logits(images, features, np.arange(60) < 40)
    assert logits.shape == (60, classes)
    assert np.array_equal(logits.argmax(axis=1), labels)


def test_the_command_finds_more_without_privacy_than_with_it(run: Run) -> None:
    small = ("canaries=200", "guesses=40", "images=500", "batch_size=105", "learning_rate=0.8", "shadow_models=8")
    done = run("-m", "mnist_etc.privacy.audit", *small, "privacy.target_epsilon=0.5")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.endswith(" 500") and "%" in line]
    assert len(rows) == 6, done.stdout
    areas = [float(row[-8]) for row in rows]
    assert areas[2] > 0.54  # LiRA on the head trained without privacy
    assert all(0.42 < area < 0.58 for area in areas[3:])
    assert all(row[-2:] == ["500", "500"] and row[-3] == "0.74%" for row in rows)  # 1 - 0.025 ** (1 / 500)
    for row in rows:
        low, found, high = (float(row[place].rstrip("%")) for place in (-6, -7, -4))
        assert low <= found <= high
