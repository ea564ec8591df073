"""FORMATS, the table of image formats: told apart by the first bytes, whatever a file is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnist_etc.registry import Registry

__all__ = ["FORMATS", "SUFFIXES", "ImageFormat", "format_of"]


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """A row of `FORMATS`.

    No format outside of the table is handed to Pillow, whose other plugins start programs or have been its weak spots.
    """

    fits: Callable[[bytes], bool]
    """Whether a file is of this format, by its first `content.START` bytes."""
    suffixes: tuple[str, ...]
    """What the names of such files end in, in lower case; a file of such a name that is no image is an error."""
    extra: str = ""
    """Package that has to be installed besides, which registers the format with Pillow."""


FORMATS: Registry[ImageFormat] = Registry("image format")
"""By the name of Pillow's plugin."""


def format_of(start: bytes) -> str | None:
    """The row of `FORMATS` that a file is of, by its first bytes; None: it is no image that can be read."""
    return next((name for name in FORMATS if FORMATS[name].fits(start)), None)


def _begins(*signs: bytes) -> Callable[[bytes], bool]:
    def fits(start: bytes) -> bool:
        return start.startswith(signs)

    return fits


def _brands(start: bytes) -> set[bytes]:
    """What a file in ISO's media format says it is compatible with: ISO/IEC 14496-12, ``ftyp``."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12]} | {start[at : at + 4] for at in range(16, end - 3, 4)}


def _is_bmp(start: bytes) -> bool:
    return start.startswith(b"BM") and start[6:10] == bytes(4) and len(start) > 26


def _is_webp(start: bytes) -> bool:
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def _is_avif(start: bytes) -> bool:
    return bool(_brands(start) & {b"avif", b"avis"})


def _is_heif(start: bytes) -> bool:
    return bool(_brands(start) & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1"})


def _is_netpbm(start: bytes) -> bool:
    return len(start) > 2 and start[:1] == b"P" and start[1:2] in b"123456" and start[2:3] in b" \t\r\n#"


FORMATS.add("PNG", ImageFormat(fits=_begins(b"\x89PNG\r\n\x1a\n"), suffixes=(".png", ".apng")))
FORMATS.add("JPEG", ImageFormat(fits=_begins(b"\xff\xd8\xff"), suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")))
FORMATS.add("BMP", ImageFormat(fits=_is_bmp, suffixes=(".bmp", ".dib")))
FORMATS.add("GIF", ImageFormat(fits=_begins(b"GIF87a", b"GIF89a"), suffixes=(".gif",)))
FORMATS.add("TIFF", ImageFormat(fits=_begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), suffixes=(".tif", ".tiff")))
FORMATS.add("WEBP", ImageFormat(fits=_is_webp, suffixes=(".webp",)))
FORMATS.add("AVIF", ImageFormat(fits=_is_avif, suffixes=(".avif", ".avifs")))
FORMATS.add(
    "JPEG2000",
    ImageFormat(
        fits=_begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
        suffixes=(".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    ),
)
FORMATS.add("PPM", ImageFormat(fits=_is_netpbm, suffixes=(".pgm", ".pbm", ".ppm", ".pnm")))
FORMATS.add("HEIF", ImageFormat(fits=_is_heif, suffixes=(".heic", ".heif", ".hif"), extra="pillow-heif"))

SUFFIXES = tuple(suffix for name in FORMATS for suffix in FORMATS[name].suffixes)
"""Of all formats."""
