"""Forms of arrays; see `forms`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from forms import IMAGES, LABELS, form, read


@form("npz with images and labels", read(labels=LABELS))
def npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", images=IMAGES, labels=LABELS)
    return folder / "a.npz"
