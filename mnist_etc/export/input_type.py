"""How pixels reach a served graph."""

from __future__ import annotations

from enum import Enum

__all__ = ["InputType"]


class InputType(Enum):
    """The type that a pixel is sent as."""

    uint8 = "uint8"
    """Pixels of 0 to 255, a byte each; they are scaled inside the graph."""
    float32 = "float32"
    """Pixels of 0 to 1, four bytes each."""
