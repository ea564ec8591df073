"""Policies as users write them in lists: ``levels:3``."""

from __future__ import annotations

from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.registry import POLICIES
from mnist_etc.schema import check

__all__ = ["format_policy", "parse_policy"]


def parse_policy(text: str) -> PolicyConfig:
    """The policy of ``name`` or ``name:number``.

    Raises:
        ConfigError: there is none of that name, or its number is missing, superfluous or out of range.
    """
    name, colon, number = text.partition(":")
    settings: dict[str, Any] = {"decimals": 2, "k": 3, "levels": 2, "crowd": 0.8, "epsilon": 8.0}
    try:
        if name not in POLICIES or bool(key := POLICIES[name].number) != bool(colon):
            raise ValueError
        if key:
            settings[key] = type(settings[key])(number)
    except ValueError:
        known = (f"{one}:<{POLICIES[one].number}>" if POLICIES[one].number else one for one in POLICIES)
        raise ConfigError(f"Expected policies of {', '.join(known)}; received {text!r}.") from None
    config = PolicyConfig(name=name, max_accuracy_loss=0, min_attack_error=0, **settings)
    check(config, "policy.")
    return config


def format_policy(config: PolicyConfig) -> str:
    """As `parse_policy` reads it."""
    key = POLICIES[config.name].number
    return f"{config.name}:{getattr(config, key):g}" if key else config.name
