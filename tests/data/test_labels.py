from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from samples import idx_bytes, refusal

from mnist_etc.data.labels import GivenLabels, NameMatcher, read_labels_file
from mnist_etc.errors import DataError


def written(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "labels"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("file,label\na.png,7\nb.png,0\n", {"a.png": "7", "b.png": "0"}),
        ("a.png,7\nb.png,0\n", {"a.png": "7", "b.png": "0"}),
        ("﻿filename\tclass\r\nx/a.png\tcat\r\n", {"x/a.png": "cat"}),
        ("a.png;cat\nb.png;dog\n", {"a.png": "cat", "b.png": "dog"}),
        ('image,label\n"a, b.png","say ""hi"""\n', {"a, b.png": 'say "hi"'}),
        ("index,label\n0,3\n1,4\n", {"0": "3", "1": "4"}),
        ("label,width,file\n7,28,./x\\a.png\n", {"x/a.png": "7"}),
        ("a.png,7\na.png,7\n\n", {"a.png": "7"}),
        ("a\u0308.png,7\n", {"ä.png": "7"}),
    ],
)
def test_two_columns(tmp_path: Path, content: str, named: dict[str, str]) -> None:
    assert read_labels_file(written(tmp_path, content)).named == named


@pytest.mark.parametrize(
    ("content", "ordered"),
    [
        ("7\n0\n1\n", ["7", "0", "1"]),
        ("label\ncat\ndog\n", ["cat", "dog"]),
        (idx_bytes(np.array([7, 0, 1], np.uint8)), [7, 0, 1]),
        (gzip.compress(idx_bytes(np.array([7, 0, 1], np.uint8))), [7, 0, 1]),
    ],
)
def test_one_column(tmp_path: Path, content: bytes | str, ordered: list[object]) -> None:
    given = read_labels_file(written(tmp_path, content))
    assert list(given.ordered if given.ordered is not None else []) == ordered
    assert len(given) == len(ordered)


@pytest.mark.parametrize(
    ("array", "ordered"),
    [
        (np.array([7, 0, 1], np.uint8), [7, 0, 1]),
        (np.array([[7], [0]]), [7, 0]),
        (np.array([7.0, 0.0]), [7, 0]),
        (np.eye(10)[[7, 0, 1]], [7, 0, 1]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
    ],
)
def test_npy(tmp_path: Path, array: np.ndarray, ordered: list[object]) -> None:
    with (tmp_path / "labels").open("wb") as file:
        np.save(file, array)
    given = read_labels_file(tmp_path / "labels")
    assert given.ordered is not None
    assert list(given.ordered) == ordered


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "an empty file"),
        ("file,label\na,1,2\n", "received 3 in row 2"),
        ("a,b,c\n1,2,3\n", "columns file and label"),
        ("a.png,7\na.png,8\n", "'7' and '8' for 'a.png'"),
        ('a.png,"7\n', "damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (idx_bytes(np.zeros((2, 28, 28), np.uint8)), "received images"),
        (b"\x93NUMPY no array", "no npy file of labels"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes | str, said: str) -> None:
    assert said in refusal(lambda: read_labels_file(written(tmp_path, content)))


@pytest.mark.parametrize("array", [np.zeros((2, 28, 28)), np.array([0.5, 1.0]), np.array([{}]), np.array([], int)])
def test_an_array_of_something_else_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    with (tmp_path / "labels").open("wb") as file:
        np.save(file, array)
    assert refusal(lambda: read_labels_file(tmp_path / "labels"))


def test_an_absent_file() -> None:
    assert "Cannot read labels=absent" in refusal(lambda: read_labels_file(Path("absent")))


def test_a_label_is_found_by_as_much_of_the_path_as_there_is() -> None:
    matcher = NameMatcher(GivenLabels(Path("l"), named={"x/a.png": "1", "b.png": "2", "c": "3", "y/d.png": "4"}))
    found = {name: matcher.find(name) for name in ("x/a.png", "deep/b.png", "c.png", "d.png", "z/y/e.png")}
    assert found == {"x/a.png": "1", "deep/b.png": "2", "c.png": "3", "d.png": "4", "z/y/e.png": None}
    assert matcher.unused == 0
    assert matcher.find("other/x/a.png"[6:]) == "1"


def test_a_label_of_another_folders_image_is_not_taken() -> None:
    matcher = NameMatcher(GivenLabels(Path("l"), named={"x/a.png": "1", "b.png": "2"}))
    assert matcher.find("y/a.png") is None
    assert matcher.find("x/b.png") == "2"
    with pytest.raises(DataError, match=r"'x/b\.png' and 'y/b\.png'"):
        matcher.find("y/b.png")
