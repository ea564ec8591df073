"""What a model makes of images, for a sink that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Further words of each image, by what they are called: ``{"asked": ["yes", "no", ...]}`` to color the codes by."""

    @classmethod
    def asked(
        cls,
        values: npt.NDArray[np.float32],
        images: Pixels,
        labels: npt.NDArray[np.int64],
        names: Sequence[str],
        asked: npt.NDArray[np.int64],
    ) -> Codes:
        """Codes of images whose labels are asked for one by one.

        Args:
            values: ``(n, k)``.
            images: ``(n, side, side)``.
            labels: ``(n,)``; -1 where nobody knows.
            names: of the classes.
            asked: indices of those that were asked for.
        """
        paid = np.isin(np.arange(len(labels)), asked)
        classes = [names[label] if label >= 0 else "not known" for label in labels.tolist()]
        more = {"asked": np.where(paid, "yes", "no").tolist()}
        return cls(values=values, images=images, labels=classes, more=more)
