"""Forms of single pictures and of folders of pictures; see `forms`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from forms import IMAGES, form, read, refused
from PIL import Image, TiffImagePlugin

DIGIT = IMAGES[:1]
GRAY = IMAGES[0]
PICTURE = Image.fromarray(GRAY)
BINARY = (GRAY > 127) * np.uint8(255)
WIDE = Image.fromarray(GRAY.astype(np.uint16) * 257)


def saved(name: str, image: Image.Image, **options: Any) -> Callable[[Path], Path]:
    """Write ``image`` by Pillow under that name."""

    def write(folder: Path) -> Path:
        image.save(folder / name, **options)
        return folder / name

    return write


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    """Write bytes under that name."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def ink(image: Image.Image) -> Image.Image:
    """Black ink on nothing."""
    rgba = Image.new("RGBA", image.size, (0, 0, 0, 0))
    rgba.putalpha(image)
    return rgba


def turned() -> Image.Exif:
    """The camera was turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def in_bits(bits: int) -> Image.Image:
    return Image.fromarray(np.round(GRAY.astype(float) * (2**bits - 1) / 255).astype(np.uint16))


COLOR = PICTURE.convert("RGB")
LOSSY = 4
READ: dict[str, tuple[str, Image.Image, dict[str, Any], float]] = {
    "PNG": ("a.png", PICTURE, {}, 0),
    "PNG of 16 bits": ("a.png", WIDE, {}, 0),
    "PNG of 16 bits that hold 12": ("a.png", in_bits(12), {}, 0),
    "PNG of 16 bits that hold 10": ("a.png", in_bits(10), {}, 0),
    "PNG of 16 bits that hold 8": ("a.png", in_bits(8), {}, 0),
    "PNG of a palette with transparency": ("a.png", ink(PICTURE).quantize(256), {}, 2 * LOSSY),
    "PNG of black ink on nothing": ("a.png", ink(PICTURE), {}, 0),
    "PNG as .PNG in capitals": ("A.PNG", PICTURE, {"format": "PNG"}, 0),
    "JPEG": ("a.jpg", PICTURE, {"quality": 95}, LOSSY),
    "JPEG, progressive": ("a.jpeg", COLOR, {"progressive": True, "quality": 95}, LOSSY),
    "JPEG in CMYK": ("a.jpg", COLOR.convert("CMYK"), {"quality": 95}, LOSSY),
    "JPEG turned by its EXIF": (
        "a.jpg",
        Image.fromarray(np.rot90(GRAY).copy()),
        {"exif": turned(), "quality": 95},
        LOSSY,
    ),
    "JPEG as .jfif": ("a.jfif", PICTURE, {"format": "JPEG", "quality": 95}, LOSSY),
    "JPEG as .jpe": ("a.jpe", PICTURE, {"format": "JPEG", "quality": 95}, LOSSY),
    "JPEG without a suffix": ("scan0001", PICTURE, {"format": "JPEG", "quality": 95}, LOSSY),
    "JPEG called .png": ("a.png", PICTURE, {"format": "JPEG", "quality": 95}, LOSSY),
    "MPO, two pictures of a phone": (
        "a.mpo",
        COLOR,
        {"save_all": True, "append_images": [COLOR], "quality": 95},
        LOSSY,
    ),
    "WebP": ("a.webp", COLOR, {"quality": 95}, LOSSY),
    "WebP, lossless": ("a.webp", COLOR, {"lossless": True}, 0),
    "BMP": ("a.bmp", PICTURE, {}, 0),
    "BMP in color": ("a.bmp", COLOR, {}, 0),
    "GIF": ("a.gif", PICTURE, {}, 0),
    "TIFF": ("a.tif", PICTURE, {}, 0),
    "TIFF, LZW": ("a.tiff", PICTURE, {"compression": "tiff_lzw"}, 0),
    "TIFF of 16 bits that hold 12": ("a.tif", in_bits(12), {}, 0),
    "TIFF of float32 in [0, 1]": ("a.tif", Image.fromarray((GRAY / 255).astype(np.float32)), {}, 0),
    "AVIF": ("a.avif", COLOR, {"quality": 95}, LOSSY),
    "JPEG 2000": ("a.jp2", PICTURE, {}, 0),
    "JPEG 2000, the bare codestream": ("a.j2k", PICTURE, {}, 0),
    "PGM": ("a.pgm", PICTURE, {}, 0),
    "PPM in color": ("a.ppm", COLOR, {}, 0),
}
for title, (name, image, options, tolerance) in READ.items():
    form(title, read(DIGIT, tolerance=tolerance))(saved(name, image, **options))

form("PNG of 1 bit", read(BINARY[None]))(saved("a.png", Image.fromarray(BINARY).convert("1")))
form("PBM, black ink as 1", read(BINARY[None]))(saved("a.pbm", Image.fromarray(255 - BINARY).convert("1")))
form("TIFF of a fax: 1 bit, CCITT group 4", read(BINARY[None]))(
    saved("a.tif", Image.fromarray(255 - BINARY).convert("1"), compression="group4")
)
PLAIN = "P2\n# by hand\n28 28\n255\n" + "\n".join(" ".join(map(str, row)) for row in GRAY)
form("PGM in plain text (P2)", read(DIGIT))(written("a.pgm", PLAIN.encode()))
form("PGM of 16 bits", read(DIGIT))(written("a.pgm", b"P5 28 28 65535\n" + (GRAY * 257.0).astype(">u2").tobytes()))
form("PGM of at most 4095", read(DIGIT))(
    written("a.pgm", b"P5 28 28 4095\n" + np.round(GRAY * (4095 / 255)).astype(">u2").tobytes())
)
FRAMES: dict[str, Any] = {"save_all": True, "append_images": [Image.new("L", (28, 28), 9)]}
FIRST = "of several frames or pages the first is read: a"
for suffix in ("gif", "tif", "png"):
    form(f"several frames in a .{suffix}", read(DIGIT, said=FIRST))(saved(f"a.{suffix}", PICTURE, **FRAMES))


@form("TIFF of big-endian 16 bits", read(DIGIT))
def big_endian_tiff(folder: Path) -> Path:
    """As ImageJ writes them: 'MM', one strip, no compression."""
    pixels = (GRAY * 257.0).astype(">u2").tobytes()
    tags = [(256, 28), (257, 28), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 28), (279, len(pixels))]
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags)
    content = b"MM\0*" + struct.pack(">I", 8 + len(pixels)) + pixels
    (folder / "a.tif").write_bytes(content + struct.pack(">H", len(tags)) + entries + bytes(4))
    return folder / "a.tif"


@form("PNG of 16 bits in color that hold 12", read(DIGIT))
def deep_color_png(folder: Path) -> Path:
    rows = np.repeat(np.round(GRAY * (4095 / 255)).astype(">u2")[..., None], 3, axis=2)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [(b"IHDR", struct.pack(">2I5B", 28, 28, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    (folder / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )
    return folder / "a.png"


HEIC = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(600)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "SVG": ("a.svg", SVG, "an SVG drawing. Export it as PNG"),
    "PDF": ("a.pdf", b"%PDF-1.7\n", "a PDF. Save its pages as PNG"),
    "EPS": ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript drawing. Convert"),
    "icon (ICO)": ("a.ico", b"\0\0\1\0\1\0\x10\x10" + bytes(60), "an icon .*Convert"),
    "Photoshop": ("a.psd", b"8BPS\0\1" + bytes(30), "a Photoshop document. Convert"),
    "JPEG XL": ("a.jxl", b"\xff\x0a" + bytes(30), "a JPEG XL image. Convert"),
    "raw of a camera (CR3)": ("a.cr3", bytes([0, 0, 0, 24]) + b"ftypcrx " + bytes(30), "a camera's raw file. Develop"),
    "video": ("a.mp4", bytes([0, 0, 0, 24]) + b"ftypisom" + bytes(30), "a video. Save its pictures"),
    "a web page saved as PNG": ("a.png", b"<!DOCTYPE html><html><body>Sign in", "a web page .*Save the file itself"),
    "no bytes at all": ("a.png", b"", "an empty file. Replace or remove|an empty file. Convert"),
    "zeros of an interrupted copy": ("a.jpg", bytes(2000), "Copy the file again"),
    "a folder's .DS_Store": ("DS_Store", b"\0\0\0\1Bud1" + bytes(40), "received 0x"),
}
for title, (name, content, words) in REFUSED.items():
    form(title, refused(words))(written(name, content))


@form("PNG cut off", refused("cannot be read as an image: .*. Replace or remove it"))
def cut_png(folder: Path) -> Path:
    path = saved("a.png", PICTURE)(folder)
    path.write_bytes(path.read_bytes()[:120])
    return path


@form("raw of a camera (DNG), which begins as TIFF", refused("a camera's raw file. Develop it"))
def dng(folder: Path) -> Path:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\1\4\0\0"
    tags.tagtype[50706] = 1
    PICTURE.save(folder / "a.dng", "TIFF", tiffinfo=tags)
    return folder / "a.dng"


form("HEIC", refused("HEIF image .*pip install pillow-heif|cannot be read as an image"))(written("a.heic", HEIC))
"""Without pillow-heif it says so; with it these bytes are a damaged picture."""


@form(
    "a folder with all that systems leave in it",
    read(DIGIT, said=r"passed over in .*: 3 hidden or system files, 1 hidden or system folders, 1 .txt"),
)
def littered(folder: Path) -> Path:
    (folder / "photos/__MACOSX").mkdir(parents=True)
    for name in (".DS_Store", "Thumbs.db", "._a.png", "__MACOSX/._a.png", "notes.txt"):
        (folder / "photos" / name).write_bytes(b"\0\5\x16\7")
    PICTURE.save(folder / "photos/a.png")
    return folder / "photos"


@form("a folder of pictures without suffixes", read(IMAGES[:3]))
def without_suffixes(folder: Path) -> Path:
    for number, image in enumerate(IMAGES[:3]):
        Image.fromarray(image).save(folder / f"scan{number}", "PNG")
    return folder


@form("a folder of arrays", refused(r"received none, but 2 .npy. Pass one of those files alone"))
def folder_of_arrays(folder: Path) -> Path:
    for name in "ab":
        np.save(folder / name, IMAGES)
    return folder


@form("an empty folder", refused("received none. Check the path"))
def empty_folder(folder: Path) -> Path:
    return folder
