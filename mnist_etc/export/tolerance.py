"""How far apart two computations of the same answers may be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["allowed"]

ROUNDING = 1e-5
"""Of the greatest answer: what the order of a sum is worth, many times over."""


def allowed(tolerance: float, wanted: npt.NDArray[np.float32]) -> float:
    """``tolerance``, or what rounding may be worth in answers as large as those of ``wanted`` where that is more."""
    return max(tolerance, ROUNDING * float(np.abs(wanted).max()))
