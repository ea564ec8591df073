"""NVIDIA's perf_analyzer, fetched once: ``python -m mnist_etc.serving.perf <its arguments>``."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from mnist_etc import homes, interrupt
from mnist_etc.errors import ExitCode, MnistEtcError
from mnist_etc.serving.wheels import PERF_ANALYZER, TRITONSERVER, unpacked

__all__ = ["main", "perf_analyzer"]

UNSTABLE = (
    "perf_analyzer: three measurements in a row differed by more than 10 %, as they do on a busy machine; the figures "
    "above are its last. Stop other work, or pass --stability-percentage 30, or a longer --measurement-interval 20000"
)
BORROWED = ("libb64.so.0d", "libcudart.so.12")
"""Libraries that it is linked to; the server's wheel has them under longer names."""


def perf_analyzer(cache: Path) -> tuple[str, dict[str, str]]:
    """Fetch the program unless it is there.

    Args:
        cache: The folder where it is, or will be, unpacked.

    Returns:
        The program's path, and the environment to run it in.

    Raises:
        ServingError: It cannot be fetched for this machine.
    """
    program = unpacked(PERF_ANALYZER, cache) / PERF_ANALYZER.keep[0]
    libraries = unpacked(TRITONSERVER, cache) / "nvidia_pytriton.libs"
    folder = cache / "perf_analyzer-libraries"
    folder.mkdir(exist_ok=True)
    for name in BORROWED:
        stem, suffix = name.split(".so")
        link = folder / name
        if not link.exists():
            with suppress(FileExistsError):  # another process was quicker
                link.unlink(missing_ok=True)
                link.symlink_to(next(libraries.glob(f"{stem}-*.so{suffix}*")))
    return str(program), {**os.environ, "LD_LIBRARY_PATH": str(folder)}


def _run(program: str, environment: dict[str, str]) -> int:
    """Hand its words on, and say what its one riddle means."""
    with subprocess.Popen([program, *sys.argv[1:]], env=environment, stderr=subprocess.PIPE, text=True) as process:
        riddle = False
        for line in process.stderr or ():
            riddle |= "stable measurement" in line
            print(line, end="", file=sys.stderr, flush=True)
    if riddle:
        print(UNSTABLE, file=sys.stderr)
    return process.returncode


def main() -> int:
    """Run perf_analyzer with this program's arguments.

    Returns:
        Its exit code, or 1 where it cannot be had.
    """
    interrupt.loaded()
    cache = Path(homes.cache())
    try:
        program, environment = perf_analyzer(cache)
        return _run(program, environment)
    except OSError as error:
        print(f"error: perf_analyzer cannot be run: {error}. Remove {cache}; it is fetched anew.", file=sys.stderr)
    except MnistEtcError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return 1


if __name__ == "__main__":
    sys.exit(main())
