"""The schema of ``conf/drift.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_etc.errors import ConfigError
from mnist_etc.schema import between, path, text

__all__ = ["DriftCommand"]


@dataclass(kw_only=True)
class DriftCommand:
    """The keys of ``python -m mnist_etc drift``."""

    counts: str = path()
    """The file that the service writes, ``service.counts``."""
    version: str | None = text(null="the one that answered last")
    """The version to judge, ``<name>/<number>``; null: the one that answered last."""
    hours: int = between(1, 24 * 92)
    """Hours up to the last answer that are held against the validation images."""
    plot: str | None = path(null="no plot")
    """The PNG file of the plot; null: none."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.plot is not None and Path(self.plot).suffix.lower() != ".png":
            raise ConfigError(f"Expected plot as a file .png; received {self.plot!r}.")
