"""What libraries read from the environment: folders in the cache, no reports to anyone, and TensorFlow's oneDNN."""

from __future__ import annotations

import os
import os.path

__all__ = ["cache", "settle"]

HOMES = {"KERAS_HOME": ("~/.keras", "keras"), "MPLCONFIGDIR": ("~/.cache/matplotlib", "matplotlib")}
"""The variable that names a library's folder, what it is otherwise, and what it is called in the cache."""


def cache() -> str:
    """This project's folder for what is fetched or computed once, ``~/.cache/mnist_etc`` or as XDG says."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  pathlib is slow to load
    return os.path.join(home, "mnist_etc")  # noqa: PTH118


def settle() -> None:
    """Before these libraries are imported; whoever uses them already, or set these variables, keeps what there is."""
    for variable, (usual, name) in HOMES.items():
        if not os.path.exists(os.path.expanduser(usual)):  # noqa: PTH110, PTH111
            os.environ.setdefault(variable, os.path.join(cache(), name))  # noqa: PTH118
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # without AVX-512 TensorFlow leaves it off: half the speed
