from __future__ import annotations

import io
import os
import struct
import sys
import types
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from samples import data_config, refusal

from mnist_etc.data import decode, images, load_test
from mnist_etc.data.config import Polarity
from mnist_etc.errors import DataError

DIGITS = load_test(data_config("digits", "digits")).images
FIGURE = np.zeros((28, 28), np.uint8)
FIGURE[4:24, 12:16] = 255
FIGURE[4:8, 6:12] = 180


def read(path: Path) -> NDArray[np.uint8]:
    return images.normalize(images.read(path, Polarity.auto)[None], Polarity.auto)[0]


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_gray_28x28_image_comes_back_bit_for_bit(tmp_path: Path) -> None:
    for number, digit in enumerate(DIGITS):
        path = saved(tmp_path / f"{number}.png", Image.fromarray(digit))
        assert np.array_equal(read(path), digit)


def test_the_ground_is_found_by_the_border() -> None:
    inverted = 255 - DIGITS
    both = np.concatenate([DIGITS, inverted])
    assert np.array_equal(images.normalize(both, Polarity.auto), np.concatenate([DIGITS, DIGITS]))


def test_a_set_polarity_wins_over_the_border() -> None:
    one = DIGITS[:1]
    assert np.array_equal(images.normalize(one, Polarity.dark_on_light), 255 - one)
    assert np.array_equal(images.normalize(255 - one, Polarity.light_on_dark), 255 - one)


def test_what_was_read_is_left_as_it_was() -> None:
    before = (255 - DIGITS).copy()
    images.normalize(before, Polarity.auto)
    assert np.array_equal(before, 255 - DIGITS)


def bigger(pixels: NDArray[np.uint8], factor: int = 10) -> Image.Image:
    return Image.fromarray(pixels).resize((28 * factor, 28 * factor), Image.Resampling.NEAREST)


def as_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def as_palette(image: Image.Image) -> Image.Image:
    return image.convert("RGB").quantize(8)


def as_16_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def as_inverted_rgb(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image)).convert("RGB")


def as_black_ink_on_nothing(image: Image.Image) -> Image.Image:
    rgba = Image.new("RGBA", image.size, (0, 0, 0, 0))
    rgba.putalpha(image)
    return rgba


def as_white_ink_on_nothing(image: Image.Image) -> Image.Image:
    return Image.merge("LA", [Image.new("L", image.size, 255), image])


@pytest.mark.parametrize(
    "convert",
    [as_rgb, as_palette, as_16_bit, as_inverted_rgb, as_black_ink_on_nothing, as_white_ink_on_nothing],
)
def test_every_form_of_a_picture_gives_the_same_pixels(tmp_path: Path, convert: object) -> None:
    path = saved(tmp_path / "picture.png", convert(bigger(FIGURE)))  # type: ignore[operator]
    difference = read(path).astype(int) - FIGURE
    assert np.abs(difference).max() <= 1


def test_a_transparent_color_is_the_ground(tmp_path: Path) -> None:
    """A PNG without an alpha channel, whose header names one gray level as transparent."""
    path = saved(tmp_path / "keyed.png", Image.fromarray(np.where(FIGURE > 0, 0, 77).astype(np.uint8)), transparency=77)
    assert np.array_equal(read(path), np.where(FIGURE > 0, 255, 0))


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 1), (8, 3)])
def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path, orientation: int, turn: int) -> None:
    """Orientation 6: the camera was turned so that the stored picture must be rotated a quarter clockwise."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.rot90(FIGURE, turn).copy())
    path = saved(tmp_path / "turned.png", stored, exif=exif)
    assert np.array_equal(read(path), FIGURE)


def test_a_color_jpeg_dark_on_light(tmp_path: Path) -> None:
    ink, paper = np.array([20, 10, 90]), np.array([250, 250, 240])
    weight = np.asarray(bigger(FIGURE))[:, :, None] / 255
    picture = Image.fromarray((weight * ink + (1 - weight) * paper).astype(np.uint8))
    seen = read(saved(tmp_path / "photo.jpeg", picture, quality=90))
    assert np.abs(seen.astype(int) - FIGURE).max() < 30


@pytest.mark.parametrize("ground", [0, 90, 255])
def test_another_aspect_ratio_is_centered_on_its_ground(tmp_path: Path, ground: int) -> None:
    pixels = np.full((280, 140), ground, np.uint8)
    pixels[100:180, 60:80] = 255 if ground < 128 else 0
    seen = read(saved(tmp_path / "tall.png", Image.fromarray(pixels)))
    expected = np.full((28, 28), ground if ground < 128 else 255 - ground)
    expected[10:18, 13:15] = 255
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 5), (29, 27)])
def test_any_size_gives_28x28(tmp_path: Path, size: tuple[int, int]) -> None:
    seen = read(saved(tmp_path / "odd.png", Image.new("L", size, 40)))
    assert seen.shape == (28, 28)
    assert (seen == 40).all()


def test_no_damage_ends_in_anything_but_one_line(tmp_path: Path) -> None:
    generator, path, refused = np.random.default_rng(0), tmp_path / "damaged", 0
    picture = Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8))
    for kind, options in (
        *((kind, {}) for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")),
        ("TIFF", {"compression": "tiff_lzw"}),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        whole = buffer.getvalue()
        for _ in range(150):
            damaged = bytearray(whole[: generator.integers(1, len(whole) + 1)])
            damaged[generator.integers(0, len(damaged))] ^= 1 << int(generator.integers(0, 8))
            path.write_bytes(damaged)
            message = refusal(lambda: read(path))
            assert not message or message.startswith(
                (f"{path} cannot be read as an image: ", "Expected an image in ", "Expected a picture of at most")
            )
            refused += bool(message)
    assert refused > 700


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path, side = tmp_path / "bomb.png", 30_000
    chunks = [(b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(side * 3_751)))]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in [*chunks, (b"IEND", b"")]
        )
    )
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match=r"at most 512 MiB when decoded .* 30,000 x 30,000 pixels, .* save it as JPEG"):
        read(path)


def test_pillows_own_limit_stands_after_a_reading(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    read(saved(tmp_path / "a.png", Image.fromarray(FIGURE)))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("suffix", ["jpg", "png", "jp2"])
def test_a_photo_of_108_megapixels_is_read_small(tmp_path: Path, suffix: str) -> None:
    """12,032 x 9,024: what a phone of 108 megapixels takes. A figure in it stays where it was."""
    photo = Image.new("L", (12_032, 9_024), 250)
    photo.paste(10, (3_008, 2_256, 6_016, 4_512))
    gray = images.read(saved(tmp_path / f"photo.{suffix}", photo), Polarity.auto)
    height, width = gray.shape
    assert height * width <= decode.LARGE
    assert width / height == pytest.approx(4 / 3, rel=0.01)
    dark = np.argwhere(gray < 128)
    corners = [*(dark.min(axis=0) / gray.shape), *((dark.max(axis=0) + 1) / gray.shape)]
    assert corners == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.01)


def test_a_text_chunk_bomb_is_refused(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 2**23, zip=True)
    path = saved(tmp_path / "bomb.png", Image.fromarray(FIGURE), pnginfo=text)
    with pytest.raises(DataError, match="too large"):
        read(path)


def test_a_format_outside_of_the_table_never_reaches_pillow(tmp_path: Path) -> None:
    for kind in ("EPS", "PCX", "TGA", "ICNS", "SGI"):
        with pytest.raises(DataError, match=r"Expected an image in .*/named.png; received"):
            images.read(
                saved(tmp_path / "named.png", Image.fromarray(FIGURE).convert("RGB"), format=kind), Polarity.auto
            )


def test_heic_is_read_once_its_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in registers the format as pillow-heif does; its pictures are PNG behind the head of a HEIC file."""
    head = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
    path = saved(tmp_path / "a.png", Image.fromarray(FIGURE)).rename(tmp_path / "a.heic")
    path.write_bytes(head + path.read_bytes())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match=r"Expected pillow-heif .*pip install pillow-heif, or convert"):
        read(path)

    def open_behind_the_head(file: IO[bytes], _: object) -> Image.Image:
        return Image.open(io.BytesIO(file.read()[len(head) :]), formats=("PNG",))

    def register() -> None:
        monkeypatch.setitem(Image.OPEN, "HEIF", (open_behind_the_head, None))
        monkeypatch.setattr(Image, "ID", [*Image.ID, "HEIF"])

    module = types.ModuleType("pillow_heif")
    monkeypatch.setattr(module, "register_heif_opener", register, raising=False)
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    assert np.array_equal(read(path), FIGURE)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="no such file"):
        images.read(tmp_path / "pipe.png", Polarity.auto)


def test_find_goes_below_and_sorts(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.jpeg", "a/c.jpg", "c.webp", "notes.txt", ".hidden.png", ".thumbs/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in images.find(tmp_path)]
    assert found == ["a/c.jpg", "a/z.jpeg", "b.PNG", "c.webp"]
