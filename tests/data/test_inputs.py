from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import data_config, idx_bytes

from mnist_etc.data import inputs, load_test, pictures
from mnist_etc.data.config import Prepare
from mnist_etc.errors import DataError

TEST = load_test(data_config("digits", "digits"))
FEW = TEST.images[:30]
WHOLE = inputs.InputOptions(prepare=Prepare.none)


def everything(source: inputs.ImageStream) -> inputs.Batch:
    batches = list(source.batches)
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return inputs.Batch(
        names=[name for batch in batches for name in batch.names],
        images=np.concatenate([batch.images for batch in batches]),
        labels=np.concatenate(labels) if labels else None,
        failures=[failure for batch in batches for failure in batch.failures],
    )


def test_a_split_comes_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "PIECE", 100)
    source = inputs.stream_split(TEST)
    batch = everything(source)
    assert source.key == "index"
    assert batch.names == [str(number) for number in range(360)]
    assert np.array_equal(batch.images, TEST.images)
    assert np.array_equal(batch.labels, TEST.labels)


def write_png(path: Path) -> None:
    Image.fromarray(FEW[0]).save(path, "PNG")


def write_idx(path: Path) -> None:
    path.write_bytes(idx_bytes(FEW))


def write_idx_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(idx_bytes(255 - FEW)))


def write_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, images=FEW, labels=TEST.labels[:30])


def write_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.repeat(np.repeat(255 - FEW, 3, axis=1), 3, axis=2) / 255)


@pytest.mark.parametrize("write", [write_png, write_idx, write_idx_gz, write_npz, write_npy])
def test_files_are_told_apart_by_content(tmp_path: Path, write: object) -> None:
    path = tmp_path / "no.suffix"
    write(path)  # type: ignore[operator]
    source = inputs.open_input(path, WHOLE)
    batch = everything(source)
    expected = FEW[:1] if write is write_png else FEW
    assert np.array_equal(batch.images, expected)
    assert batch.names == (["no.suffix"] if write is write_png else [str(number) for number in range(30)])
    assert source.key == ("file" if write is write_png else "index")
    assert (batch.labels is not None) == (write is write_npz)


def test_a_folder_with_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PIECE", 3)
    for number in range(8):
        (tmp_path / str(number % 2)).mkdir(exist_ok=True)
        Image.fromarray(FEW[number]).save(tmp_path / str(number % 2) / f"{number}.png")
    for bad in ("0/0.png", "1/3.png"):
        (tmp_path / bad).write_bytes(b"no image")
    batch = everything(inputs.open_input(tmp_path, WHOLE))
    assert batch.names == ["0/2.png", "0/4.png", "0/6.png", "1/1.png", "1/5.png", "1/7.png"]
    assert np.array_equal(batch.images, FEW[[2, 4, 6, 1, 5, 7]])
    assert ["0/0.png" in str(batch.failures[0]), "1/3.png" in str(batch.failures[1])] == [True, True]
    assert len(batch.failures) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *[(pickle.dumps([1], protocol), "a pickle") for protocol in range(2, 6)],
        (b"(lp0\nI1\na.", r"a text file, beginning '\(lp0'\. Convert the file"),
        (
            b"label,1x1,1x2\r\n5,0,0\r\n",
            r"a column a pixel, .*; received 3 columns: label, 1x1, 1x2\. Save one gray image a row",
        ),
        ("\ufeffZiffer;Größe".encode(), r"received 2 columns: column 1, column 2\. Save"),
        ("5\t0".encode("utf-16"), r"received 2 columns: column 1, column 2\. Save"),
        ("é".encode() * 300, "a text file, beginning 'éééé"),
        (b"", "an empty file"),
        (b"%PDF-1.7", r"a PDF\. Save its pages as PNG"),
        (b"\0\0\0\x18ftypisom", "a video.*PNG"),
        (b"a.png".ljust(257, b"\0") + b"ustar", "a tar archive.*Unpack"),
        (b"PAR1\x15\x04", r"is no whole Parquet file: .*\. Replace"),
        (bytes(range(1, 40)), "received 0x0102030405060708"),
    ],
)
def test_other_kinds_are_refused_at_once(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "input.npz").write_bytes(content)
    with pytest.raises(DataError, match=words):
        inputs.open_input(tmp_path / "input.npz", WHOLE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            idx_bytes(TEST.labels[:9].astype(np.uint8)),
            r"Expected images in .*; received labels, an IDX file\. Take",
        ),
        (gzip.compress(b"<!DOCTYPE html>"), r"received a web page .HTML.\. Save the file itself"),
        (gzip.compress(b"1,2,3"), "received 3 columns: column 1, column 2, column 3. Save one"),
        (gzip.compress(b""), "received an empty file. Replace"),
        (gzip.compress(b"a".ljust(257, b"\0") + b"ustar"), "a tar archive.*Unpack"),
        (b"\0\0\x0d\x03", "magic number 0x00000803; received 0x00000d03. Replace"),
    ],
)
def test_what_is_no_file_of_images_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "input").write_bytes(content)
    with pytest.raises(DataError, match=words):
        inputs.open_input(tmp_path / "input", WHOLE)


def test_nothing_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file and no folder input="):
        inputs.open_input(tmp_path / "absent", WHOLE)
    with pytest.raises(DataError, match="received none"):
        inputs.open_input(tmp_path, WHOLE)
