from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy
from samples import refusal

from mnist_etc.data import arrays
from mnist_etc.data.source import InputOptions, Source
from mnist_etc.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
LABELS = np.arange(7)


def everything(source: Source) -> tuple[np.ndarray, list[object] | None]:
    pieces = list(source.pieces)
    labels = [label for piece in pieces if piece.labels is not None for label in piece.labels]
    return np.concatenate([piece.images for piece in pieces]), labels or None


def read_npz(path: Path, key: str | None = None) -> tuple[np.ndarray, list[object] | None]:
    return everything(arrays.open_npz(path, InputOptions(key=key)))


def read_npy(path: Path) -> np.ndarray:
    return everything(arrays.open_npy(path, InputOptions()))[0]


def saved(path: Path, **members: Any) -> Path:
    np.savez_compressed(path, **members)
    return path


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("x_test", "y_test")])
def test_images_and_labels_by_name(tmp_path: Path, names: tuple[str, str]) -> None:
    path = saved(tmp_path / "a.npz", x_train=IMAGES[:1], **{names[0]: IMAGES, names[1]: LABELS.astype(np.uint8)})
    images, labels = read_npz(path)
    assert np.array_equal(images, IMAGES)
    assert labels == LABELS.tolist()


def test_the_only_array_whatever_its_name(tmp_path: Path) -> None:
    images, labels = read_npz(saved(tmp_path / "a.npz", y=IMAGES))
    assert np.array_equal(images, IMAGES)
    assert labels is None


@pytest.mark.parametrize(
    "stored",
    [
        IMAGES,
        IMAGES[..., None],
        np.asfortranarray(IMAGES),
        np.repeat(IMAGES[..., None], 3, axis=3),
        np.repeat(IMAGES[..., None], 4, axis=3),
        *[(IMAGES / 255.0).astype(kind) for kind in (np.float16, np.float32, ">f8")],
    ],
)
def test_every_form_of_an_array_gives_the_same_pixels(tmp_path: Path, stored: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", stored)
    pixels = read_npy(tmp_path / "a.npy")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, IMAGES)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a": IMAGES, "b": IMAGES}, r"Expected one array of images in .* received a, b\. Pass input_key="),
        ({f"a{n}": LABELS for n in range(9)}, "a4, a5 and 3 more"),
        ({"labels": LABELS}, r"received \(7,\)\. .* these may be labels"),
        ({"x": IMAGES[:0]}, r"received \(0, 28, 28\)"),
        ({"x": IMAGES[..., None].repeat(2, 3)}, r"received \(7, 28, 28, 2\)"),
        ({"x": IMAGES.reshape(7, -1)[:, :783]}, r"received \(7, 783\)\. Reshape"),
        ({"x": np.zeros((7, 785), np.uint8)}, r"received \(7, 785\)\. Split off the labels"),
        ({"x": IMAGES.reshape(7, -1).T}, r"received \(784, 7\)\. Transpose"),
        ({"x": np.moveaxis(IMAGES, 0, -1)}, r"received \(28, 28, 7\)\. .*moveaxis"),
        ({"x": np.full((1, 28, 28), np.nan)}, r"numbers from nan to nan\. Scale them"),
        ({"x": IMAGES / 255 * 3 - 2}, r"numbers from -2 to 1\. Scale them"),
        ({"x": IMAGES.astype(np.int64) * 1000}, r"numbers from 0 to 2.55e\+05"),
        ({"x": IMAGES.astype("U3")}, "Expected numbers in .* received <U3"),
        ({"x": IMAGES.astype(complex)}, "received complex128"),
        ({"x": np.zeros((7, 28, 28), "u1,u1")}, "received records of f0, f1"),
        ({"x": IMAGES, "y": LABELS[:6]}, r"Expected 7 integer labels .* shape \(6,\)"),
        ({"x": IMAGES, "y": LABELS + 4}, "labels 0 to 9 .* received 10 at position 6"),
        ({"x": IMAGES, "y": LABELS - 1}, "received -1 at position 0"),
        ({"x": IMAGES, "y": LABELS / 2}, "received float64"),
        ({"x": np.array([{}, None], object)}, "pickled Python objects"),
        ({"x": IMAGES, "y": np.array([{}] * 7, object)}, "pickled Python objects"),
    ],
)
def test_wrong_content_is_refused(tmp_path: Path, members: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_npz(saved(tmp_path / "a.npz", **members))
    assert "\n" not in str(caught.value)


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(2**40, 28, 28), (10**6, 784, 1), (-5, 28, 28), (5, 28, 28), (2**62, 2**62, 2**62)])
def test_a_header_that_promises_what_is_not_there(tmp_path: Path, shape: tuple[int, ...]) -> None:
    content = header(shape) + bytes(100)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    for read, name in ((read_npy, "a.npy"), (read_npz, "a.npz")):
        with pytest.raises(DataError, match=r"^(Expected .*eceived|.*/a.np[yz] is no whole NumPy file: )"):
            read(tmp_path / name)


@pytest.mark.parametrize("compress", [np.savez, np.savez_compressed])
def test_no_damage_ends_in_anything_but_one_line(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "a.npz"
    compress(path, images=IMAGES[:2], labels=LABELS[:2])
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole[: generator.integers(len(whole) // 2, len(whole) + 1)])
        damaged[generator.integers(0, len(damaged))] ^= 1 << int(generator.integers(0, 8))
        path.write_bytes(damaged)
        refused += bool(refusal(lambda: read_npz(path)))
    assert refused > 300


def test_a_key_chooses_the_array_and_its_labels(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x_train=IMAGES[:2], y_train=LABELS[:2], x_test=IMAGES[2:], y_test=LABELS[2:])
    source = arrays.open_npz(path, InputOptions())
    assert source.notes == [f"{path} holds x_test, x_train: x_test is read; input_key=<name> reads another"]
    images, labels = read_npz(path, "x_train")
    assert np.array_equal(images, IMAGES[:2])
    assert labels == [0, 1]
    with pytest.raises(DataError, match=r"an array x in .* received x_train, .*Pass input_key="):
        read_npz(path, "x")


def test_labels_that_are_names_stay_names(tmp_path: Path) -> None:
    names = np.array(list("abcdefg"))
    for stored in (names, names.astype("S1"), names[:, None]):
        assert read_npz(saved(tmp_path / "a.npz", images=IMAGES, labels=stored))[1] == list("abcdefg")


def test_a_great_array_is_never_held_whole(tmp_path: Path) -> None:
    """2 GiB in a file of holes: what is held is a piece of it."""
    content = header((2**21, 32, 32))
    with (tmp_path / "a.npy").open("wb") as file:
        file.write(content)
        file.truncate(len(content) + 2**31)
        file.seek(len(content))
        file.write(b"\xff" * 1024)
    tracemalloc.start()
    source = arrays.open_npy(tmp_path / "a.npy", InputOptions())
    first = next(source.pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first.images.shape == (512, 32, 32)
    assert peak < 2**26
