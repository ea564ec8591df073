"""Which state of the code runs."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

__all__ = ["git_commit"]

ROOT = Path(__file__).parents[2]


@cache
def git_commit() -> str | None:
    """The commit of the checkout that this package lies in, 40 hexadecimal digits; ``-dirty`` follows if files differ.

    None: the package is installed, or there is no git. The checkout of whoever installed it is none of its own.
    """
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run([*command, "--exclude=*"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
