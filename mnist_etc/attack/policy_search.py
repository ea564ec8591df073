"""``policy=auto``: the most informative output policy that withstands an adaptive attacker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.metrics import ratio
from mnist_etc.attack.registry import ATTACKS, FLOOR, YARDSTICK
from mnist_etc.attack.yardstick import MOST, require_trained
from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.registry import NUMBERS
from mnist_etc.policy.specification import format_policy, parse_policy
from mnist_etc.policy.utility import PolicyUtility

__all__ = ["CANDIDATES", "Found", "best_policy"]

CANDIDATES = ["logits", "probabilities", "rounded:2", "rounded:1", "top_k:3", "top_k:2", "top1"]
CANDIDATES += [*(f"levels:{levels}" for levels in (10, 5, 4, 3, 2, 1)), "label", "noisy:8", "noisy:4"]
NETWORK = "inverse_network"
ATTACKERS = (FLOOR, "linear_regression", YARDSTICK, NETWORK)
"""In the order of their cost; none knows the encoder."""
DIGITS = 4
Errors = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search ends with."""

    policy: PolicyConfig
    about: dict[str, Any]
    """For a manifest: the attacker's budget, what it reached on logits beside the yardstick, and what on the policy."""


def best_policy(config: PolicyConfig, attack: AttackConfig, own: Examples, targets: Examples, seed: int) -> Found:
    """Try the candidates from the most informative on; print what each would give away.

    Most informative is the least log loss, then the least calibration error. The attackers see ``max(attack.answers)``
    answers about each page; see `ATTACKERS`. Attackers who know the encoder may come a little nearer:
    ``noprotect_reconstruction.py`` runs them, too. Whoever has answers that name the class can fall back to it, so no
    policy is held to be safer than the label.

    Args:
        config: the bounds: ``max_accuracy_loss`` and ``min_attack_error``.
        attack: the attacker's budget.
        own: the attacker's images, with the logits of as many photos.
        targets: others; the policies are fitted and judged on them too.
        seed: of the attacks.

    Raises:
        ConfigError: none meets both bounds, or the budget does not reach the yardstick.
    """
    search = _Search(attack, own, targets, seed)
    judged = []
    for text in CANDIDATES:
        try:
            policy = search.fitted(replace(config, **_named(parse_policy(text))))
        except ConfigError:
            continue  # so many levels of so few images, or so great a k of so few classes
        told = answers(policy, targets.logits, targets.pixels)
        judged.append((policy, PolicyUtility.of(policy, told, targets.labels)))
    judged.sort(key=lambda one: (one[1].log_loss, one[1].calibration_error))
    most = float(np.mean(targets.logits.argmax(axis=1) == targets.labels))
    yardstick = search.yardstick()
    floor = search.strongest(search.fitted(parse_policy("label")), 0)
    for policy, utility in judged:
        name, lost = f"{format_policy(policy.config):<14} log loss {utility.log_loss:.3f}", most - utility.accuracy
        if lost > config.max_accuracy_loss:
            print(f"{name}: loses {lost:.4f} of accuracy", flush=True)
            continue
        enough = config.min_attack_error * float(floor.mean())
        error = min(1.0, ratio(search.strongest(policy, enough), floor).mean)
        print(f"{name}: attacker's MSE {error:.3f} of label alone", flush=True)
        if error >= config.min_attack_error:
            reached = {"of_label_alone": round(error, DIGITS), "label_alone": round(float(floor.mean()), DIGITS)}
            return Found(policy=policy.config, about={**search.budget(), "yardstick": yardstick, **reached})
    raise ConfigError(
        f"Expected a policy that loses at most {config.max_accuracy_loss:g} of accuracy and leaves the attacker at "
        f"least {config.min_attack_error:g} of the error from the label alone; received none of {len(judged)} "
        "that does. Lower policy.min_attack_error or raise policy.max_accuracy_loss."
    )


def _named(config: PolicyConfig) -> dict[str, Any]:
    """What a specification says, as fields."""
    return {key: getattr(config, key) for key in ("name", *NUMBERS)}


class _Search:
    """Attacks on one policy after the other, by the same attacker on the same targets."""

    def __init__(self, attack: AttackConfig, own: Examples, targets: Examples, seed: int) -> None:
        self._attack, self._own, self._targets, self._seed = attack, own, targets, seed
        self._count = max(attack.answers)

    def fitted(self, config: PolicyConfig) -> OutputPolicy:
        """On the targets' own answers."""
        return fit_policy(config, self._targets.logits, self._targets.labels, self._targets.pixels.shape[1])

    def budget(self) -> dict[str, Any]:
        """What the attacker had, for a manifest."""
        keys = ("components", "networks", "epochs", "units", "blocks", "batch_size", "learning_rate", "weight_decay")
        return {
            "answers": self._count,
            "images": len(self._own.pixels),
            "targets": len(self._targets.pixels),
            **{key: getattr(self._attack, key) for key in keys},
        }

    def yardstick(self) -> dict[str, float]:
        """The inverse network beside the closed form, on logits: mean squared errors.

        Raises:
            ConfigError: see `require_trained`.
        """
        adversary = self._adversary(self.fitted(parse_policy("logits")))
        network, closed = (self._error(name, adversary) for name in (NETWORK, YARDSTICK))
        if network is None or closed is None:  # logits of so few values that the mean by answer is all
            return {}
        require_trained(float(network.mean()), float(closed.mean()))
        return {
            NETWORK: round(float(network.mean()), DIGITS),
            YARDSTICK: round(float(closed.mean()), DIGITS),
            "most_of_it": MOST,
        }

    def strongest(self, policy: OutputPolicy, enough: float) -> Errors:
        """Of the least mean of all attackers, or of the first whose mean is below ``enough``, on each target."""
        adversary, best = self._adversary(policy), None
        for name in ATTACKERS:
            errors = self._error(name, adversary)
            if errors is not None and (best is None or errors.mean() < best.mean()):
                best = errors
            if best is not None and best.mean() < enough:
                break
        assert best is not None, "the mean by answer always applies"
        return best

    def _adversary(self, policy: OutputPolicy) -> Adversary:
        return Adversary.seeing(
            self._count, self._targets, own=self._own, policy=policy, config=self._attack, seed=self._seed
        )

    def _error(self, attack: str, adversary: Adversary) -> Errors | None:
        """Of each target, ``(t,)``."""
        if attack == NETWORK:
            from mnist_etc.backend import load_tensorflow

            load_tensorflow()
        rebuilt = ATTACKS[attack].load()(adversary)
        if rebuilt is None:
            return None
        return np.asarray(np.square(rebuilt.images.astype(np.float64) - self._targets.images).mean(axis=(1, 2)))
