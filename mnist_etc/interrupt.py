"""Ctrl-C while a command still loads: one line and exit code 130.

An exception that a signal raises inside an import ends in a traceback, or gets lost there; so none is raised until
`loaded`, and the program ends at once: nothing was written that early.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from mnist_etc import interpreter

__all__ = ["Terminated", "loaded", "loading"]

LINE = b"interrupted: nothing was written yet\n"
STDERR = 2


class Terminated(KeyboardInterrupt):
    """SIGTERM: what was begun is cleaned up as after Ctrl-C."""


def loading(package: str | None = None) -> None:
    """From here Ctrl-C ends the program without an exception, unless the signal is ignored or has another handler.

    The wrong Python ends it here.

    Args:
        package: only where this process was started as a command of this package: ``python -m <package>...`` or a
            console script.
    """
    if package is not None and not _started(package):
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    interpreter.check()


def loaded() -> None:
    """From here Ctrl-C raises KeyboardInterrupt again, and SIGTERM `Terminated`: what was begun is cleaned up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _started(package: str) -> bool:
    """While Python looks for the module of ``-m``, ``sys.argv[0]`` is that option; its packages are imported then."""
    first = sys.argv[0] if sys.argv else ""
    if first == "-m":
        return any(word.partition(".")[0] == package for word in getattr(sys, "orig_argv", [package]))
    return os.path.basename(first).startswith("mnist-etc")  # noqa: PTH119  pathlib takes as long as all the rest


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _end(number: int, _: object) -> NoReturn:
    os.write(STDERR, LINE)
    os._exit(128 + number)  # as `errors.ExitCode` has it, which may not be loaded yet
