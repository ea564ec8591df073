from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy
from samples import refusal

from mnist_etc.data import arrays
from mnist_etc.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
LABELS = np.arange(7)


def saved(path: Path, **members: Any) -> Path:
    np.savez_compressed(path, **members)
    return path


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("x_test", "y_test")])
def test_images_and_labels_by_name(tmp_path: Path, names: tuple[str, str]) -> None:
    path = saved(tmp_path / "a.npz", x_train=IMAGES[:1], **{names[0]: IMAGES, names[1]: LABELS.astype(np.uint8)})
    images, labels = arrays.read_npz(path)
    assert np.array_equal(images, IMAGES)
    assert labels is not None
    assert labels.dtype == np.int64
    assert np.array_equal(labels, LABELS)


def test_the_only_array_whatever_its_name(tmp_path: Path) -> None:
    images, labels = arrays.read_npz(saved(tmp_path / "a.npz", y=IMAGES))
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
    pixels = arrays.to_gray(arrays.read_npy(tmp_path / "a.npy"))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, IMAGES)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a": IMAGES, "b": IMAGES}, r"named images, x_test, x in .* received 'a', 'b'\. .*images=<the array>"),
        ({f"a{n}": LABELS for n in range(9)}, "'a5' and 3 more"),
        ({"labels": LABELS}, r"received \(7,\)\. These may be labels"),
        ({"x": IMAGES[0]}, r"shape .* received \(28, 28\)"),
        ({"x": IMAGES[:0]}, r"received \(0, 28, 28\)"),
        ({"x": IMAGES[..., None].repeat(2, 3)}, r"received \(7, 28, 28, 2\)"),
        ({"x": IMAGES.astype(np.int64)}, "uint8, or of float .* received int64"),
        ({"x": IMAGES.astype(np.float32)}, "received float32 from 0 to 255"),
        ({"x": np.full((1, 28, 28), np.nan)}, "received float64 from nan to nan"),
        ({"x": IMAGES / -255.0}, "received float64 from -1 to"),
        ({"x": IMAGES.astype("U3")}, "received <U3"),
        ({"x": IMAGES, "y": LABELS[:6]}, r"Expected 7 integer labels .* shape \(6,\)"),
        ({"x": IMAGES, "y": LABELS + 994}, "labels 0 to 999 .* received 1000 at position 6"),
        ({"x": IMAGES, "y": LABELS - 1}, "received -1 at position 0"),
        ({"x": IMAGES, "y": LABELS / 1}, "received float64"),
        ({"x": np.array([{}, None], object)}, "pickled Python objects"),
        ({"x": IMAGES, "y": np.array([{}] * 7, object)}, "pickled Python objects"),
    ],
)
def test_wrong_content_is_refused(tmp_path: Path, members: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        arrays.read_npz(saved(tmp_path / "a.npz", **members))
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
    for read, name in ((arrays.read_npy, "a.npy"), (arrays.read_npz, "a.npz")):
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
        refused += bool(refusal(lambda: arrays.to_gray(arrays.read_npz(path)[0])))
    assert refused > 300


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model/data.pkl"], r"an archive of 'model/data.pkl'\. Save the images with numpy.savez"),
        (["a/1.PNG", "a/2.PNG"], r"an archive of 'a/1.PNG', 'a/2.PNG'\. Unpack it and pass input=<the folder>"),
        ([], "an archive of nothing"),
    ],
)
def test_an_archive_without_arrays(tmp_path: Path, files: list[str], words: str) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for file in files:
            archive.writestr(file, b"\x80\x02.")
    with pytest.raises(DataError, match=words):
        arrays.read_npz(tmp_path / "archive")
