"""Which layers a private training can follow, by class name: known before TensorFlow loads."""

from __future__ import annotations

__all__ = ["BUILT_IN", "FOLLOWED", "MIXING", "never", "not_yet"]

BUILT_IN = frozenset(
    {
        *("Activation", "AveragePooling2D", "Conv2D", "Conv2DTranspose", "Dense", "Flatten", "InputLayer"),
        *("MaxPooling2D", "ReLU", "Reshape", "UpSampling2D", "ZeroPadding2D"),
    }
)
"""Keras' own layers that `mnist_etc.privacy.layers` has rules for."""
FOLLOWED = set(BUILT_IN)
"""These, and the layers that a user's program registers a rule for; see `mnist_etc.privacy.layers.rule_for`."""
MIXING = frozenset({"BatchNormalization"})
"""Layers that mix the examples of a batch: no engine can ever bound what one example does."""


def never(layer: str) -> str:
    """The message about a layer that no private training can have; ``layer`` is what was received."""
    return (
        f"Expected layers that answer each example by itself; received {layer}, which mixes the batch: no image's "
        "gradient can ever be bounded. Use another normalization or private=false."
    )


def not_yet(layer: str, engine: str) -> str:
    """The message about a layer that this engine has no rule for; ``layer`` is what was received."""
    return (
        f"Expected layers with an exact per-example gradient; received {layer}, which the {engine} engine has no rule "
        "for yet. Register one with mnist_etc.privacy.layers.rule_for, pass privacy.engine=tensorflow_privacy, or "
        "change the layer."
    )
