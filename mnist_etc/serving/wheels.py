"""Binaries out of wheels on PyPI that are too much to install: fetched once, checked, unpacked into a cache folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mnist_etc.errors import BusyError, ServingError
from mnist_etc.files import exclusive, scratch

__all__ = ["PERF_ANALYZER", "TRITONSERVER", "Wheel", "unpacked"]


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A pinned wheel, and the part of it that is wanted."""

    title: str
    requirement: str
    sha256: str
    megabytes: int
    keep: tuple[str, ...]
    """Prefixes of the members that are unpacked."""


TRITONSERVER = Wheel(
    title="tritonserver 2.51.0",
    requirement="nvidia-pytriton==0.7.0",
    sha256="21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df",
    megabytes=55,
    keep=("pytriton/tritonserver/", "nvidia_pytriton.libs/"),
)
PERF_ANALYZER = Wheel(
    title="perf_analyzer 2.51.0",
    requirement="tritonclient==2.51.0",
    sha256="c485bb0123bdf310f90bc8b03d3489b28df2ffed55b30c7eee0b795b48113d52",
    megabytes=14,
    keep=("tritonclient-2.51.0.data/data/bin/perf_analyzer",),
)


def unpacked(wheel: Wheel, cache: Path) -> Path:
    """Fetch and unpack the wanted members of ``wheel``, unless that was done before.

    Args:
        wheel: The wheel.
        cache: The folder to keep them in.

    Returns:
        The folder that holds them.

    Raises:
        ServingError: pip cannot fetch it for this machine, or it is another file than the pinned one.
    """
    final = cache / wheel.title.replace(" ", "-")
    while not final.is_dir():
        try:
            _unpack(wheel, cache, final)
        except BusyError:  # another process is at it
            time.sleep(0.5)
    return final


def _unpack(wheel: Wheel, cache: Path, final: Path) -> None:
    try:
        with exclusive(cache / ".lock", key="serving.cache"), scratch(cache) as folder:
            if final.is_dir():
                return
            print(f"fetching {wheel.title}, {wheel.megabytes} MB, once, into {final}", file=sys.stderr, flush=True)
            _extract(_download(wheel, folder), folder / "content", wheel)
            (folder / "content").replace(final)
    except OSError as error:
        raise ServingError(
            f"Expected to unpack {wheel.title} into {cache}; received: {error}. "
            "Free disk space or pass serving.cache=<a folder you can write>."
        ) from error


def _download(wheel: Wheel, folder: Path) -> Path:
    """By pip, so that the user's index, proxy and certificates apply."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", f"--dest={folder}", f"--requirement={requirements}"]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=os.environ | {"TMPDIR": str(folder)}) as pip,
        tqdm(desc=wheel.title, total=wheel.megabytes, unit="MB", disable=None, leave=False) as bar,
    ):
        while pip.poll() is None:
            bar.update(min(_bytes(folder) // 10**6, wheel.megabytes) - bar.n)
            time.sleep(0.2)
        said.seek(0)
        lines = said.read().splitlines()
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), [*lines, "no wheel"][0])
        raise ServingError(
            f"pip could not fetch {wheel.requirement}: {reason}. It needs x86-64 Linux with "
            "glibc 2.35 and a network; or copy the cache folder of a machine that has it: serving.cache=<folder>."
        )
    return wheels[0]


def _bytes(folder: Path) -> int:
    """In files that come and go."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _extract(archive: Path, folder: Path, wheel: Wheel) -> None:
    with zipfile.ZipFile(archive) as content:
        for name in content.namelist():
            if name.startswith(wheel.keep):
                path = Path(content.extract(name, folder))
                if path.is_file():
                    path.chmod(0o755)
