"""How capsules decide whose votes count; known before TensorFlow loads."""

from __future__ import annotations

from mnist_etc.registry import Registry

__all__ = ["ROUTINGS"]

ROUTINGS: Registry[str] = Registry("routing")
"""What ``model.routing`` names: ``module:function``, of votes and a prior; see
`mnist_etc.models.capsules.by_self_attention`."""
ROUTINGS.add("self_attention", "mnist_etc.models.capsules:by_self_attention")
ROUTINGS.add("dynamic", "mnist_etc.models.capsules:by_agreement")
