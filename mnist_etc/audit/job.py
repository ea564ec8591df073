"""Audit a private training: ``python -m mnist_etc.privacy.audit [key=value ...]``.

A linear head is trained once by `mnist_etc.fit.private.PrivateSteps`, as every private training here is, on images and
canaries; it is killed on the way and gone on with from its checkpoint. The auditor sees every noised sum (Steinke, Nasr
and Jagielski 2023, arXiv:2305.08846). Second moments are released and audited likewise. Where the auditor tells the
canaries that took part from the others better than the stated epsilon lets anybody, the command ends with exit code 1.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.audit.canary_run import CanaryFinding, run_with_canaries
from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.moments_run import MomentsFinding, run_with_moments
from mnist_etc.audit.one_run import Guesses
from mnist_etc.data import Split, load
from mnist_etc.errors import ConfigError, PrivacyError

if TYPE_CHECKING:
    from mnist_etc.audit.membership import MembershipResult

__all__ = ["audit"]

SWITCH = "MNIST_ETC_PLANTED_BUG"
"""Environment variable of this project's tests: plant a mistake and see it caught. Only this command reads it."""
OUTSIDE = "the figures below are of heads trained without noise on these images: outside any guarantee"
"""Said before the attacks on members, whose figures are exact."""


def audit(command: AuditCommand) -> None:
    """Audit a private training and print what was found.

    Raises:
        PrivacyError: the training gives away more than it states.
    """
    bug = _planted_bug()
    train = load(command.data).train
    chosen = np.random.default_rng(command.seed).permutation(len(train))
    if bug:
        print(f"planted bug: {bug.value} ({SWITCH} is set; for tests)", flush=True)
    images = _some(train, chosen[: command.images])
    finding, moments = run_with_canaries(command, images, bug), run_with_moments(command, images, bug)
    print(_listed(command, finding, moments), flush=True)
    _refuse(command, finding, moments)
    if command.membership:
        from mnist_etc.audit.membership_run import attack_heads

        print(OUTSIDE, flush=True)
        print(_table(attack_heads(command, _some(train, chosen[: 2 * command.images]))), flush=True)


def _planted_bug() -> PlantedBug | None:
    name, known = os.environ.get(SWITCH), [bug.value for bug in PlantedBug]
    if name and name not in known:
        raise ConfigError(
            f"Expected {SWITCH} as one of {', '.join(known)}; received {name!r}. Unset it; it is for tests."
        )
    return PlantedBug(name) if name else None


def _some(split: Split, chosen: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Split:
    return replace(split, owners=None).some(chosen)


def _refuse(command: AuditCommand, finding: CanaryFinding, moments: MomentsFinding) -> None:
    """Raise what was found against the stated epsilon, if anything."""
    if finding.redrawn:
        raise PrivacyError(
            f"Expected a training that was killed to draw the same again; received {finding.redrawn} steps that were "
            "drawn anew, and are accounted once. Publish nothing that was resumed."
        )
    for what, one, bound in (
        ("engine", finding, max(finding.bound, finding.bound_of_weights)),
        ("release of moments", moments, moments.bound),
    ):
        if one.is_refuted:
            raise PrivacyError(
                f"Expected epsilon to be at most {one.stated:.4g} as stated; received at least {bound:.4g} with "
                f"{command.confidence:.2%} confidence. Publish nothing that this {what} gave."
            )


def _listed(command: AuditCommand, finding: CanaryFinding, moments: MomentsFinding) -> str:
    stage, privacy, surest = finding.stage, command.privacy, finding.surest
    refuted = finding.is_refuted or moments.is_refuted
    rows = {
        "trained": f"a linear head on {stage.examples - surest.canaries:,} images of {command.data.name} and "
        f"{surest.canaries:,} canaries, {stage.steps} steps, killed and resumed",
        "engine": f"{privacy.engine}, sampling rate {stage.sampling_rate:.4g}, noise multiplier "
        f"{stage.noise_multiplier:.4g}, clip {stage.l2_norm_clip:g}",
        "stated": f"epsilon {finding.stated:.4g} at delta {privacy.delta:g}",
        "resumed": f"{finding.redrawn} of the steps done twice were drawn anew",
        "every sum": f"{_right(finding.guesses)}: lower bound epsilon {finding.bound:.4g}",
        "weights": f"{_right(finding.guesses_at_weights)}: lower bound epsilon {finding.bound_of_weights:.4g}, from "
        "the published weights alone",
        "the surest": f"{_right(surest)}: lower bound epsilon {finding.bound_if_dependent:.4g} however the canaries "
        f"depend on each other, {finding.bound_at_delta:.4g} from epsilon and delta alone",
        "moments": f"stated epsilon {moments.stated:.4g}; {_right(moments.guesses)}: lower bound epsilon "
        f"{moments.bound:.4g}",
        "confidence": f"{command.confidence:.2%}, of each bound",
        "verdict": "the stated epsilon is too low" if refuted else "nothing speaks against the stated epsilon",
    }
    return "\n".join(f"{name:<13}{words}" for name, words in rows.items())


def _right(guesses: Guesses) -> str:
    return f"{guesses.correct:,} of {guesses.made:,} coins right, {guesses.correct / guesses.made:.1%}"


def _table(results: dict[str, list[MembershipResult]]) -> str:
    head = f"{'attack':<21}{'AUC':>6}{'TPR at 0.1% FPR':>17}{'its 95%':>16}{'FPR below':>11}{'members':>9}{'others':>8}"
    lines = ["", f"{'membership inference':<22}{head}"]
    for name, attacks in results.items():
        for one in attacks:
            low, high = one.tpr_interval
            interval = f"{low:.2%} - {high:.2%}"
            figures = f"{one.auc:>6.3f}{one.tpr:>17.2%}{interval:>16}{one.fpr_bound:>11.2%}"
            lines.append(f"{name:<22}{one.name:<21}{figures}{one.members:>9,}{one.non_members:>8,}")
    return "\n".join(lines)
