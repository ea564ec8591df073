"""Audit a private training: ``python -m mnist_etc.privacy.audit [key=value ...]``.

A linear head is trained once by DP-SGD on images and canaries, with the sampler, the engine and the accounting of every
private training here, and the auditor sees every noised gradient (Steinke, Nasr and Jagielski 2023, arXiv:2305.08846).
Where it tells the canaries that took part from the others better than the stated epsilon lets anybody, the command ends
with exit code 1.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.audit.canary_run import CanaryFinding, run_with_canaries
from mnist_etc.audit.config import AuditCommand, PlantedBug
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
    finding = run_with_canaries(command, _some(train, chosen[: command.images]), bug)
    print(_listed(command, finding), flush=True)
    if finding.is_refuted:
        raise PrivacyError(
            f"Expected epsilon to be at most {finding.stated:.4g} as stated; received at least {finding.bound:.4g} "
            f"with {command.confidence:.4g} confidence. Publish nothing that this engine trained."
        )
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
    return Split(split.images[chosen], split.labels[chosen])


def _listed(command: AuditCommand, finding: CanaryFinding) -> str:
    stage, guesses, privacy = finding.stage, finding.guesses, command.privacy
    verdict = "the stated epsilon is too low" if finding.is_refuted else "nothing speaks against the stated epsilon"
    rows = {
        "trained": f"a linear head on {stage.examples - guesses.canaries:,} images of {command.data.name} and the "
        f"canaries, {stage.steps} steps",
        "engine": f"{privacy.engine}, sampling rate {stage.sampling_rate:.4g}, noise multiplier "
        f"{stage.noise_multiplier:.4g}, clip {stage.l2_norm_clip:g}",
        "stated": f"epsilon {finding.stated:.4g} at delta {privacy.delta:g}",
        "canaries": f"{guesses.canaries:,}, each trained on if its coin said so",
        "guesses": f"{guesses.made:,} of the coins, fixed before; {guesses.correct:,} correct, "
        f"{guesses.correct / guesses.made:.1%}",
        "lower bound": f"epsilon {finding.bound:.4g} with {command.confidence:.2%} confidence; from epsilon and delta "
        f"alone {finding.bound_at_delta:.4g}",
        "verdict": verdict,
    }
    return "\n".join(f"{name:<13}{words}" for name, words in rows.items())


def _table(results: dict[str, list[MembershipResult]]) -> str:
    head = f"{'attack':<21}{'AUC':>6}{'TPR at 0.1% FPR':>17}{'members':>9}{'others':>8}"
    lines = ["", f"{'membership inference':<22}{head}"]
    for name, attacks in results.items():
        for one in attacks:
            figures = f"{one.auc:>6.3f}{one.tpr:>17.2%}{one.members:>9,}{one.non_members:>8,}"
            lines.append(f"{name:<22}{one.name:<21}{figures}")
    return "\n".join(lines)
