"""Policies by short names: ``levels:3``."""

from __future__ import annotations

from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import NUMBERS, PolicyConfig, PolicyName
from mnist_etc.schema import check

__all__ = ["named", "short_name"]


def named(text: str) -> PolicyConfig:
    """The policy of ``name`` or ``name:number``.

    Raises:
        ConfigError: there is none of that name, or its number is missing, superfluous or out of range.
    """
    name, colon, number = text.partition(":")
    try:
        policy = PolicyName(name)
        key = NUMBERS.get(policy)
        if policy is PolicyName.auto or bool(key) != bool(colon):
            raise ValueError
        settings: dict[str, Any] = {"decimals": 2, "k": 3, "levels": 3, "epsilon": 8.0}
        if key:
            settings[key] = type(settings[key])(number)
    except ValueError:
        raise ConfigError(
            "Expected policies of logits, probabilities, rounded:<decimals>, top_k:<k>, top1, levels:<levels>, label, "
            f"noisy:<epsilon>; received {text!r}."
        ) from None
    config = PolicyConfig(name=policy, max_accuracy_loss=0, min_attack_error=0, **settings)
    check(config, "policy.")
    return config


def short_name(config: PolicyConfig) -> str:
    """As `named` reads it."""
    key = NUMBERS.get(config.name)
    return f"{config.name.value}:{getattr(config, key):g}" if key else config.name.value
