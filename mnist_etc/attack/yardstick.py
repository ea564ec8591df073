"""Whether the networks that invert answers were trained enough to be believed."""

from __future__ import annotations

from mnist_etc.errors import ConfigError

__all__ = ["MOST", "require_trained", "shortfall"]

MOST = 1.05
"""The inverse network's mean squared error on logits over that of the mixture regression, at most."""


def shortfall(network: float, yardstick: float) -> str | None:
    """What to say of a budget under which a trained network does not reach what the closed form does in seconds.

    An attack that failed says nothing about a policy: it would let any through.

    Args:
        network: the inverse network's mean squared error on logits.
        yardstick: the mixture regression's, on the same answers about the same images.
    """
    if network <= MOST * yardstick:
        return None
    return (
        f"Expected an inverse network that comes as near on logits as the closed form, mean squared error at "
        f"most {MOST:g} times {yardstick:.4f}; received {network:.4f}: it is trained too little to judge a policy. "
        "Raise attack.epochs, attack.networks or attack.units."
    )


def require_trained(network: float, yardstick: float) -> None:
    """Raise `ConfigError` with the `shortfall`."""
    if said := shortfall(network, yardstick):
        raise ConfigError(said)
