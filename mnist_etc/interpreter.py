"""The wrong Python: another environment is active, or none. Readable by any Python from 3.7 on."""

from __future__ import annotations

import importlib.util
import os
import sys

__all__ = ["check"]

OLDEST, NEWER = (3, 11), (3, 14)
NEEDED = ("hydra", "numpy", "onnxruntime")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  pathlib is slow to load


def check() -> None:
    """End the program with one line and exit code 2 where this Python cannot run this project."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    version = ".".join(map(str, sys.version_info[:2]))
    if OLDEST <= sys.version_info < NEWER and not missing:
        return
    lacks = f" without {', '.join(missing)}" if missing else ""
    remedy = "Install it into an environment of Python 3.11, 3.12 or 3.13: pip install mnist-etc."
    if os.path.exists(os.path.join(ROOT, "Makefile")):  # noqa: PTH110, PTH118
        remedy = f"Run it by {os.path.join(ROOT, '.venv/bin/python')}, which `make setup` makes."  # noqa: PTH118
    sys.stderr.write(
        f"error: Expected the Python 3.11, 3.12 or 3.13 that this project is installed into; received Python {version} "
        f"at {sys.executable}{lacks}. {remedy}\n"
    )
    sys.exit(2)
