"""``policy=auto``: the most informative output policy that withstands an adaptive attacker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.mean_by_answer import mean_by_answer, mean_suffices
from mnist_etc.attack.metrics import ratio
from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy, parse_policy
from mnist_etc.policy.utility import PolicyUtility

__all__ = ["CANDIDATES", "best_policy"]

CANDIDATES = ["logits", "probabilities", "rounded:2", "rounded:1", "top_k:3", "top_k:2", "top1"]
CANDIDATES += [*(f"levels:{levels}" for levels in (10, 5, 4, 3, 2, 1)), "label", "noisy:8", "noisy:4"]
Array = NDArray[np.float32]


def best_policy(
    config: PolicyConfig, attack: AttackConfig, own: Examples, targets: Examples, seed: int
) -> PolicyConfig:
    """Try the candidates from the most informative on; print what each would give away.

    Most informative is the least log loss, then the least calibration error. The attackers are the mean of images with
    the same answer and an inverse network trained against that very policy; neither knows the encoder. Attackers who
    do may come a little nearer: ``noprotect_reconstruction.py`` runs them, too.

    Args:
        config: the bounds: ``max_accuracy_loss`` and ``min_attack_error``.
        attack: the inverse network's settings.
        own: the attacker's images.
        targets: others; the policies are fitted and judged on them too.
        seed: of the network.

    Raises:
        ConfigError: none meets both bounds.
    """
    judged = []
    for text in CANDIDATES:
        try:
            policy = fit_policy(parse_policy(text), targets.logits, targets.labels)
        except ConfigError:
            continue  # so many levels of so few images
        told = answers(policy, targets.logits, targets.pixels)
        judged.append((policy, told, PolicyUtility.of(policy, told, targets.labels)))
    most = float(np.mean(targets.logits.argmax(axis=1) == targets.labels))
    judged.sort(key=lambda one: (one[2].log_loss, one[2].calibration_error))
    floor = _errors(mean_by_answer(_classes(own.logits), own.images, _classes(targets.logits)), targets)
    for policy, told, utility in judged:
        name, lost = format_policy(policy.config), most - utility.accuracy
        if lost > config.max_accuracy_loss:
            print(f"{name:<14} log loss {utility.log_loss:.3f}: loses {lost:.4f} of accuracy", flush=True)
            continue
        error = _attacked(policy, told, attack, own, targets, floor, config.min_attack_error, seed)
        print(f"{name:<14} log loss {utility.log_loss:.3f}: attacker's MSE {error:.3f} of label alone", flush=True)
        if error >= config.min_attack_error:
            return policy.config
    raise ConfigError(
        f"Expected a policy that loses at most {config.max_accuracy_loss:g} of accuracy and leaves the attacker at "
        f"least {config.min_attack_error:g} of the error from the label alone; received none of {len(judged)} "
        "that does. Lower policy.min_attack_error or raise policy.max_accuracy_loss."
    )


def _attacked(
    policy: OutputPolicy,
    told: Array,
    attack: AttackConfig,
    own: Examples,
    targets: Examples,
    floor: NDArray[np.float64],
    enough: float,
    seed: int,
) -> float:
    """The strongest attacker's error over ``floor``; no network is trained where a mean suffices."""
    learned = answers(policy, own.logits, own.pixels)
    error = ratio(_errors(mean_by_answer(learned, own.images, told), targets), floor).mean
    if error < enough or mean_suffices(learned):
        return error
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.attack.inverse_network import invert

    inverted = invert(attack, policy.compared(learned), own.images, policy.compared(told), seed)
    return min(error, ratio(_errors(inverted, targets), floor).mean)


def _errors(rebuilt: Array, targets: Examples) -> NDArray[np.float64]:
    return np.asarray(np.square(rebuilt.astype(np.float64) - targets.images).mean(axis=(1, 2)))


def _classes(logits: Array) -> Array:
    return np.asarray(np.eye(logits.shape[1])[logits.argmax(axis=1)], np.float32)
