"""Figures that look the same whatever the user's matplotlib is told, and take any text as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_etc.evaluation.lettering import SOFTWARE
from mnist_etc.files import temporary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "DPI", "GRAY", "RED", "canvas"]

BLUE, RED, GRAY = "#1f5fa8", "#c0392b", "0.45"
DPI = 100


@contextmanager
def canvas(
    path: Path, width: float, height: float, *, arranged: bool = True, key: str = "artifacts"
) -> Iterator[Figure]:
    """Yield an empty figure of so many inches, and write it as PNG: the same one gives the same bytes.

    Unless ``arranged`` is said to be false, axes and words are placed so that none covers another. The ``key`` is the
    one that says where, for the refusal.

    Raises:
        ArtifactError: it cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"text.parse_math": False, "font.size": 9, "axes.spines.top": False})
        mpl.rcParams.update({"axes.spines.right": False, "legend.frameon": False})
        figure = Figure(figsize=(width, height), layout="constrained" if arranged else None)
        yield figure
        with temporary(path, key=key) as unfinished:
            figure.savefig(unfinished, dpi=DPI, metadata={"Software": SOFTWARE})
