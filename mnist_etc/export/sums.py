"""``SHA256SUMS``: the checksums of the files of a release, as ``sha256sum --check`` reads them."""

from __future__ import annotations

import re
from pathlib import Path

from mnist_etc.errors import ArtifactError
from mnist_etc.files import read_limited, sha256, write_bytes

__all__ = ["SUMS", "check_sum", "write_sums"]

SUMS = "SHA256SUMS"
LARGEST = 2**16
LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def write_sums(folder: Path) -> None:
    """Write `SUMS` over the files of ``folder``, sorted by name, in one step.

    Raises:
        ArtifactError: a file cannot be read, or `SUMS` not be written.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    write_bytes(folder / SUMS, "".join(f"{sha256(path)}  {path.name}\n" for path in files).encode(), key="dist")


def check_sum(path: Path, sums: Path, said: str) -> None:
    """Hold a file to its line in a `SUMS` file.

    Args:
        path: the file.
        sums: the `SUMS` file that came with it.
        said: where both are from; for messages.

    Raises:
        ArtifactError: there is no line for it, more than one, or it has another checksum.
    """
    lines = read_limited(sums, LARGEST).decode("utf-8", "replace").splitlines()
    matches = [match for line in lines if (match := LINE.fullmatch(line)) and match[2] == path.name]
    if len(matches) != 1:
        raise ArtifactError(
            f"Expected one line for {path.name} in the {SUMS} beside {said}; received {len(matches)}. "
            "Nothing was published; take both from one release."
        )
    if (received := sha256(path)) != matches[0][1]:
        raise ArtifactError(
            f"Expected {said} with sha256 {matches[0][1]}, as its {SUMS} has it; received {received}. "
            "Nothing was published; download it again."
        )
