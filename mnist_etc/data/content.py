"""Tell what a file that cannot be read holds, in a user's words, and what to do about it."""

from __future__ import annotations

import codecs

from mnist_etc.data.formats import format_of

__all__ = ["START", "describe"]

START = 512
"""Bytes that are looked at."""
SHOWN = 24
PICKLE_PROTOCOLS = range(2, 6)
CONVERT = "Convert it to PNG."
UNPACK = "Unpack it and pass the folder."
SAVE = "Save its pixels by numpy.savez('mine.npz', images=<uint8 (n, 28, 28)>) and pass that."
SIGNS = {
    b"%PDF": ("a PDF", CONVERT),
    b"PK": ("a zip archive", UNPACK),
    b"\x1f\x8b": ("a gzip in a gzip", "Unpack it once."),
    b"7z\xbc\xaf": ("a 7z archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"BZh": ("a bzip2 file", "Unpack it."),
    b"\xfd7zXZ": ("an xz file", "Unpack it."),
    b"\x93NUMPY": ("a NumPy array", "Pass it as input=."),
    b"\x89HDF": ("an HDF5 file", SAVE),
    b"PAR1": ("a Parquet file", SAVE),
}


def describe(start: bytes) -> tuple[str, str]:
    """Name what a file is by its first `START` bytes, and the remedy, which is empty where there is no special one."""
    if not start:
        return "an empty file", ""
    if start[0] == 0x80 and start[1:2] and start[1] in PICKLE_PROTOCOLS:
        return "a pickle, which can run code when it is read", "Save a numeric array instead."
    for sign, (name, remedy) in SIGNS.items():
        if start.startswith(sign):
            return name, remedy
    kind = format_of(start)
    if kind is not None:
        return f"a {kind} image", "Pass it as input=."
    if start[4:8] == b"ftyp":
        return "a video", "Save one of its pictures as PNG."
    if start[257:262] == b"ustar":
        return "a tar archive", UNPACK
    if text := _text(start):
        words = f"a text file, beginning {text[:SHOWN]!r}"
        return words, SAVE if any(mark in text for mark in ",;\t") else ""
    return f"0x{start[:8].hex()}...", ""


def _text(start: bytes) -> str:
    """The first line, or nothing where the bytes are not of a text."""
    coding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(coding)().decode(start)  # the last character may be cut
    except UnicodeDecodeError:
        return ""
    plain = all(character.isprintable() or character.isspace() for character in text)
    return text.strip().partition("\n")[0].strip() if plain else ""
