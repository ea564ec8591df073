"""Membership inference: how well an attacker tells what a model was trained on from how well it fits.

Two attackers look at losses alone: a threshold (Yeom et al. 2018, arXiv:1709.01604) and a logistic regression (as in
TensorFlow Privacy's). LiRA (Carlini et al. 2022, arXiv:2112.03570) compares with shadow models trained with and without
the example. An area under the curve says how well the attack does on average; the true positives at 0.1 % of false ones
say whether it is sure of anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = [
    "MembershipResult",
    "clopper_pearson",
    "likelihood_ratios",
    "log_odds",
    "membership_attacks",
    "membership_result",
]

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FALSE_POSITIVES = 0.001
CONFIDENCE = 0.95
FOLDS = 5
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class MembershipResult:
    """How well one attack told members from others."""

    name: str
    auc: float
    """Area under the receiver operating characteristic; 0.5 for a blind guess."""
    tpr: float
    """Fraction of the members found at 0.1 % of false positives, at most."""
    tpr_interval: tuple[float, float]
    """Of that fraction: Clopper and Pearson's, at 95 %, for the threshold as it is."""
    fpr_bound: float
    """Of the false positives at that threshold, beyond these non-members: the same, upper end. So many non-members say
    no more."""
    members: int
    non_members: int


def membership_result(name: str, scores: Values, member: Flags) -> MembershipResult:
    """What an attack that calls members the examples of high score comes to.

    Args:
        name: of the attack.
        scores: ``(examples,)``.
        member: ``(examples,)``.
    """
    false, true, _ = roc_curve(member, scores, drop_intermediate=False)
    members, non_members = int(member.sum()), int((~member).sum())
    at = int(np.flatnonzero(false <= FALSE_POSITIVES)[-1])
    return MembershipResult(
        name=name,
        auc=float(roc_auc_score(member, scores)),
        tpr=float(true[at]),
        tpr_interval=clopper_pearson(round(true[at] * members), members),
        fpr_bound=clopper_pearson(round(false[at] * non_members), non_members)[1],
        members=members,
        non_members=non_members,
    )


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """The exact interval of a binomial probability at 95 % (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)


def membership_attacks(
    logits: Values, labels: npt.NDArray[np.int64], member: Flags, shadow_logits: Values, shadow_member: Flags
) -> list[MembershipResult]:
    """What all three attacks on one model come to.

    Args:
        logits: of the model, ``(examples, classes)``.
        labels: ``(examples,)``.
        member: ``(examples,)``.
        shadow_logits: of each shadow model, ``(shadows, examples, classes)``.
        shadow_member: ``(shadows, examples)``; every example is a member of one shadow model and not of another.
    """
    losses = _losses(logits, labels)
    shadows = np.stack([log_odds(one, labels) for one in shadow_logits])
    ratios = likelihood_ratios(log_odds(logits, labels), shadows, shadow_member)
    return [
        membership_result("threshold", -losses[:, 0], member),
        membership_result("logistic regression", _regression_scores(losses, member), member),
        membership_result(f"LiRA, {len(shadows)} shadows", ratios, member),
    ]


def log_odds(logits: Values, labels: npt.NDArray[np.int64]) -> Values:
    """Logarithm of p / (1 - p), p the probability of the true label; what LiRA takes for normally distributed."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    log_odds: Values = logits[rows, labels] - np.logaddexp.reduce(others, axis=1)
    return log_odds


def likelihood_ratios(seen: Values, shadows: Values, shadow_member: Flags) -> Values:
    """LiRA's evidence that each example is a member, with one variance for all examples, as few shadow models ask for.

    Args:
        seen: the model's log odds, ``(examples,)``.
        shadows: the shadow models', ``(shadows, examples)``.
        shadow_member: see `membership_attacks`.
    """
    evidence = np.zeros_like(seen)
    for inside, sign in ((shadow_member, 1), (~shadow_member, -1)):
        count = np.maximum(inside.sum(0), 1)
        mean = np.where(inside, shadows, 0).sum(0) / count
        spread = np.where(inside, np.square(shadows - mean), 0).sum() / np.maximum(inside.sum() - len(seen), 1) + TINY
        evidence -= sign * (np.square(seen - mean) / spread + np.log(spread)) / 2
    return evidence


def _losses(logits: Values, labels: npt.NDArray[np.int64]) -> Values:
    """Cross-entropy with the true label, then with each of the others from the least, ``(examples, classes)``."""
    losses = np.logaddexp.reduce(logits, axis=1, keepdims=True) - logits
    rows = np.arange(len(labels))
    true = losses[rows, labels].copy()
    losses[rows, labels] = -np.inf
    losses = np.sort(losses, axis=1)
    losses[:, 0] = true
    return losses


def _regression_scores(losses: Values, member: Flags) -> Values:
    """Probability of membership from the losses, by a regression that was fitted to the other four fifths."""
    columns = np.column_stack([losses, np.log(losses[:, 0] + TINY)])
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    scores: Values = cross_val_predict(regression, columns, member, cv=FOLDS, method="predict_proba")[:, 1]
    return scores
