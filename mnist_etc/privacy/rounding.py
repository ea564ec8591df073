"""How a guarantee's numbers are written: never lower than they are."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context

__all__ = ["at_least"]


def at_least(value: float, digits: int = 4) -> str:
    """Write ``value`` in so many digits, rounded up, so that no guarantee is stated too low."""
    up = Context(prec=digits, rounding=ROUND_CEILING).create_decimal_from_float(value)
    return f"{float(up):.{digits}g}"
