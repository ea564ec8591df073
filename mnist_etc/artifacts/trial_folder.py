"""Where one of several runs of a command puts what it writes: a folder of its own in that of the command."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from mnist_etc.artifacts.config import RunConfig

__all__ = ["combination_folder", "sweep_folder"]

LONGEST = 150
"""Characters of a name; a longer one ends in eight digits of its checksum."""
UNNAMED = ("artifacts", "force", "run_name", "tracking_uri")
"""Keys that the name of a combination leaves out, since they decide no weight."""


def combination_folder(run: RunConfig, words: Sequence[str]) -> str:
    """``<artifacts>/multirun/<key>=<value>_<key>=<value>`` of a combination's words."""
    told = [word for word in words if word.partition("=")[0] not in UNNAMED]
    return str(Path(run.artifacts, "multirun", _safe("_".join(told) or "defaults")))


def sweep_folder(run: RunConfig, study: str) -> Path:
    """``<artifacts>/sweeps/<study>/``."""
    return Path(run.artifacts, "sweeps", _safe(study))


def _safe(name: str) -> str:
    safe = re.sub(r"[^\w.=+-]+", "-", name, flags=re.ASCII).strip("-.") or "_"
    if safe == name and len(name) <= LONGEST:
        return name
    return f"{safe[:LONGEST]}_{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
