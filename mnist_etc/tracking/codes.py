"""What a model makes of images, for a sink that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MOST", "Codes", "Pixels"]

MOST = 1000
"""Images whose codes are shown."""
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """Points in the space of a layer, each of an image; of a private model none of a training image."""

    values: npt.NDArray[np.float32]
    """``(n, k)``."""
    images: Pixels
    """``(n, side, side)``."""
    labels: Sequence[str]
    """The name of each image's class."""
