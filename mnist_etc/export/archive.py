"""A folder as one compressed tar file, the same bytes for the same files, and back into memory without trust."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary

__all__ = ["members", "pack"]

LARGEST = 2**27
"""Bytes of all members together, headers included."""
LEVEL = 9


def pack(folder: Path, final: Path, *, key: str = "artifacts") -> None:
    """Write the files of ``folder`` into ``final``, a ``.tar.gz``, by their paths in it, in one step.

    Sorted, of one time, owner and mode: the same files make the same archive, byte by byte, wherever and whenever.

    Args:
        folder: links in it are followed.
        final: the archive.
        key: of the configuration, which chooses the folder of ``final``; for messages.

    Raises:
        ArtifactError: it cannot be written.
    """
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    with (
        temporary(final, key=key) as path,
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = files[name].stat().st_size, 0o644
            with files[name].open("rb") as content:
                archive.addfile(entry, content)


def members(path: Path, largest: Mapping[str, int]) -> dict[str, bytes]:
    """Read a ``.tar.gz`` of a few small files; nothing is written.

    Args:
        path: the archive.
        largest: the most bytes of each file, by the end of its name: a member of any other name is refused.

    Returns:
        Content by name.

    Raises:
        ArtifactError: it is no such archive, too large, or holds a link, a device, a name twice, a name with ``..``
            in it or of another place, or a file that is none of those expected.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(path) as packed:
            content = packed.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise _refused(path, f"more than {LARGEST:,} bytes, unpacked")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            while entry := archive.next():
                found[entry.name] = _read(path, archive, entry, largest, found)
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise _refused(path, " ".join(str(error).split())) from error
    return found


def _read(
    path: Path,
    archive: tarfile.TarFile,
    entry: tarfile.TarInfo,
    largest: Mapping[str, int],
    found: Mapping[str, bytes],
) -> bytes:
    shown = ascii(entry.name[:100])
    if not entry.isreg():
        raise _refused(path, f"{shown}, which is no file")
    parts = entry.name.split("/")
    if entry.name in found or {"", ".", ".."} & {*parts} or "\\" in entry.name or not entry.name.isprintable():
        raise _refused(path, f"{shown}, a name twice or one that leads elsewhere")
    most = next((size for end, size in largest.items() if parts[-1] == end), None)
    if most is None:
        raise _refused(path, f"{shown}, which belongs to no model repository")
    if entry.size > most:
        raise _refused(path, f"{shown} of {entry.size:,} bytes, where {most:,} are the most")
    file = archive.extractfile(entry)
    content = file.read() if file else b""
    if len(content) != entry.size:
        raise _refused(path, f"{shown}, cut off")
    return content


def _refused(path: Path, received: str) -> ArtifactError:
    return ArtifactError(
        f"Expected the archive of a model repository in {path}, as make release writes it; received {received}. "
        "Nothing was published; download it again."
    )
