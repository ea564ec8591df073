"""Tell what a file that cannot be read holds, in a user's words, and what to do about it."""

from __future__ import annotations

import codecs

from mnist_etc.data.formats import format_of

__all__ = ["START", "describe", "describe_archive", "first_line"]

START = 512
"""Bytes that are looked at."""
SHOWN = 24
PICKLE_PROTOCOLS = range(2, 6)
CONVERT = "Convert it to PNG."
UNPACK = "Unpack it and pass the folder."
SAVE = "Save its pixels by numpy.savez('mine.npz', images=<uint8 (n, 28, 28)>) and pass that."
PAGE = "Save the file itself: what was downloaded is the page about it, or one that asks to log in."
DEVELOP = "Develop it to JPEG or PNG."
SIGNS = {
    b"%PDF": ("a PDF", "Save its pages as PNG, such as by pdftoppm -png."),
    b"%!PS": ("a PostScript drawing", CONVERT),
    b"\0\0\1\0": ("an icon (ICO)", CONVERT),
    b"8BPS": ("a Photoshop document", CONVERT),
    b"gimp xcf": ("a GIMP document", CONVERT),
    b"AT&TFORM": ("a DjVu document", CONVERT),
    b"\xff\x0a": ("a JPEG XL image", CONVERT),
    b"\0\0\0\x0cJXL ": ("a JPEG XL image", CONVERT),
    b"FUJIFILMCCD-RAW": ("a camera's raw file", DEVELOP),
    b"IIU\0": ("a camera's raw file", DEVELOP),
    b"IIRO": ("a camera's raw file", DEVELOP),
    b"PK": ("a zip archive", UNPACK),
    b"\x1f\x8b": ("a gzip in a gzip", "Unpack it once."),
    b"7z\xbc\xaf": ("a 7z archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"BZh": ("a bzip2 file", "Unpack it by bunzip2."),
    b"\xfd7zXZ": ("an xz file", "Unpack it by unxz."),
    b"\x28\xb5\x2f\xfd": ("a zstd file", "Unpack it by unzstd."),
    b"\x93NUMPY": ("a NumPy array", "Pass it as input=."),
    b"\x89HDF": ("an HDF5 file", "Save its images by h5py and numpy: numpy.save('mine.npy', h5py.File(<it>)[<name>])."),
    b"MATLAB 5.0": (
        "a MATLAB file",
        "Save its images as numpy.save('mine.npy', scipy.io.loadmat(<it>)[<name>]), counted by the first axis.",
    ),
    b"PAR1": ("a Parquet file", SAVE),
    b"ARROW1": ("an Arrow file", "Save it as Parquet."),
    b"SQLite format 3": ("an SQLite database", "Save its images as PNG."),
    b"version https://git-lfs": ("a Git LFS pointer, which stands in for the file", "Fetch it by git lfs pull."),
}
TEXTS = {
    "<svg": ("an SVG drawing", "Export it as PNG."),
    "<!doctype html": ("a web page (HTML)", PAGE),
    "<html": ("a web page (HTML)", PAGE),
    "{": ("a JSON file", "Save its pixels as numpy.savez('mine.npz', images=numpy.array(<them>, 'uint8'))."),
    "[": ("a JSON file", "Save its pixels as numpy.savez('mine.npz', images=numpy.array(<them>, 'uint8'))."),
}
"""By how they begin, in lower case."""


def describe(start: bytes) -> tuple[str, str]:
    """Name what a file is by its first `START` bytes, and the remedy, which is empty where there is no special one."""
    if not start:
        return "an empty file", ""
    if start[0] == 0x80 and start[1:2] and start[1] in PICKLE_PROTOCOLS:
        return "a pickle, which can run code when it is read", "Save a numeric array: numpy.save('mine.npy', <it>)."
    for sign, (name, remedy) in SIGNS.items():
        if start.startswith(sign):
            return name, remedy
    return _describe_structure(start) or _describe_text(first_line(start), start) or (f"0x{start[:8].hex()}...", "")


def _describe_structure(start: bytes) -> tuple[str, str] | None:
    """What is told by bytes further on."""
    kind = format_of(start)
    if kind is not None:
        return f"a {kind} image", "Pass it as input=."
    if start[4:8] == b"ftyp":
        return ("a camera's raw file", DEVELOP) if start[8:11] == b"crx" else ("a video", "Save its pictures as PNG.")
    if start[257:262] == b"ustar":
        return "a tar archive", UNPACK
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < 2**27:
        return (
            "a safetensors file",
            "Save its images as numpy.savez('mine.npz', images=safetensors.numpy.load_file(<it>)[<name>]).",
        )
    if not start.strip(b"\0"):
        return "zeros, which an interrupted copy leaves", "Copy the file again."
    return None


def _describe_text(text: str, start: bytes) -> tuple[str, str] | None:
    """What is told by the first line of a text, which is empty where it is none."""
    if not text:
        return None
    if text.startswith("<?xml") and b"<svg" in start:
        return TEXTS["<svg"]
    for sign, answer in TEXTS.items():
        if text.lower().startswith(sign):
            return answer
    words = f"a text file, beginning {text[:SHOWN]!r}"
    return words, SAVE if any(mark in text for mark in ",;\t") else ""


def describe_archive(files: list[str]) -> tuple[str, str]:
    """Name what a zip archive is by the names of its files, and what to do; see `describe`."""
    if any(file.endswith("/data.pkl") for file in files):
        return (
            "a PyTorch file, which is a pickle and can run code when it is read",
            "Save its images as numpy.savez('mine.npz', images=<the tensor>.numpy()).",
        )
    if any(file.startswith("xl/") for file in files):
        return "an Excel workbook", "Save its sheet as CSV."
    if any(file.startswith("word/") or file == "mimetype" for file in files):
        return "a document", CONVERT
    shown = ", ".join(files[:6]) + (f" and {len(files) - 6:,} more" if len(files) > 6 else "")
    if any(file.lower().endswith((".png", ".jpg", ".jpeg", ".csv", ".parquet", ".tif", ".bmp")) for file in files):
        return f"an archive of {shown}", "Unpack it and pass input=<the folder>."
    return f"an archive of {shown or 'nothing'}", "Save the images with numpy.savez."


def first_line(start: bytes) -> str:
    """The first line of a file that begins with ``start``; nothing where that is no text."""
    coding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(coding)().decode(start)  # the last character may be cut
    except UnicodeDecodeError:
        return ""
    plain = all(character.isprintable() or character.isspace() for character in text)
    return text.strip().partition("\n")[0].strip() if plain else ""
