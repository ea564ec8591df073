from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from samples import idx_bytes, refusal

from mnist_etc.data import catalog, idx
from mnist_etc.errors import DataError

GZIP_HEADER = 10
IMAGES = np.arange(3 * 5 * 4, dtype=np.uint8).reshape(3, 5, 4)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_images_and_labels_come_back(tmp_path: Path, compress: type[bytes]) -> None:
    file = tmp_path / "any.name"
    file.write_bytes(compress(idx_bytes(IMAGES)))
    assert np.array_equal(idx.read_images(file), IMAGES)
    file.write_bytes(compress(idx_bytes(np.array([0, 9, 5], np.uint8))))
    labels = idx.read_labels(file)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 9, 5]


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    file, content = tmp_path / "images", idx_bytes(IMAGES)
    zipped = gzip.compress(content)
    for whole in (content, zipped):
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            with pytest.raises(DataError, match=r"^(Expected .*eceived|.*/images is no whole IDX file: )"):
                idx.read_images(file)


def test_no_flipped_bit_of_a_gzip_passes_unseen(tmp_path: Path) -> None:
    """A flip is refused, or lies in the few bits of the gzip framing that say nothing of the content."""
    file, whole = tmp_path / "images.gz", gzip.compress(idx_bytes(IMAGES))
    passed: list[int] = []
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        if not refusal(lambda: idx.read_images(file)):
            passed.append(bit)
            assert np.array_equal(idx.read_images(file), IMAGES)
    assert len(passed) <= 8 * GZIP_HEADER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (idx_bytes(IMAGES, magic=0x00000D03), "0x00000803; received 0x00000d03"),
        (idx_bytes(IMAGES, magic=0x00000801), "Expected images in .* received labels, an IDX file"),
        (idx_bytes(IMAGES, magic=0x00000802), "received 0x00000802"),
        (idx_bytes(IMAGES, count=4), "Expected 80 bytes after the header .* only 60: truncated"),
        (idx_bytes(IMAGES, count=2), "Expected 40 bytes after the header .* more"),
        (idx_bytes(IMAGES, count=0), "at least one item"),
        (struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), "at most 1,073,741,824 bytes"),
        (gzip.compress(idx_bytes(IMAGES)) + b"more", "whole IDX file"),
    ],
    ids=["floats", "labels", "two dimensions", "too short", "too long", "empty", "enormous", "more after the gzip"],
)
def test_wrong_content_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "images"
    file.write_bytes(content)
    with pytest.raises(DataError, match=words):
        idx.read_images(file)


def test_images_in_place_of_labels(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DataError, match=r"Expected labels in .* received images, an IDX file"):
        idx.read_labels(tmp_path / "labels")


def test_labels_are_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_bytes(idx_bytes(np.array([1, 2, 10, 255], np.uint8)))
    labels = idx.read_labels(file)
    assert (labels.dtype, labels.tolist()) == (np.int64, [1, 2, 10, 255])


def test_another_checksum_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "images"
    file.write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DataError, match=f"sha256 {'0' * 64} .*: altered"):
        idx.read_images(file, idx.ExpectedFile(3, "0" * 64))
    with pytest.raises(DataError, match="Expected 4 items"):
        idx.read_images(file, idx.ExpectedFile(4, "0" * 64))


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_files_as_a_reader_of_another_make_sees_them(name: str, real_data: Path) -> None:
    for part, count in (("train", 60_000), ("test", 10_000)):
        split = catalog.read(real_data, name, part)
        image_file, label_file = catalog.FILES[part]
        pixels = gzip.decompress((real_data / name / f"{image_file}.gz").read_bytes())
        labels = gzip.decompress((real_data / name / f"{label_file}.gz").read_bytes())
        assert struct.unpack(">4I", pixels[:16]) == (2051, count, 28, 28)
        assert struct.unpack(">2I", labels[:8]) == (2049, count)
        assert split.images.tobytes() == pixels[16:]
        assert split.labels.tolist() == list(labels[8:])
        assert min(np.bincount(split.labels)) > 0.08 * count
