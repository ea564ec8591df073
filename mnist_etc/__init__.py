"""Digit-like images from data to a tuned server, with a true account of how private the result is."""

from typing import Any

from mnist_etc import homes, interrupt

__all__ = ["Predictor", "load", "train"]

homes.settle()
interrupt.loading(__name__)


def __getattr__(name: str) -> Any:
    """What Python programs use, imported when it is asked for, since the commands must answer sooner."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mnist_etc import api

    return getattr(api, name)
