"""Pictures of any number of classes, under names that are safe for files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from glyphs import NAMES
from PIL import Image

from mnist_etc.evaluation.pictures import file_words, write_pairs, write_samples


def test_digits_are_called_what_they_are() -> None:
    assert file_words("0123456789") == list("0123456789")


def test_names_are_safe_and_differ_where_case_does_not_count() -> None:
    names = [*NAMES, "../x", "/", "\\\\", "a" * 100, "a" * 99, "A.12", "con", "_", "a_38"]
    words = file_words(names)
    assert len({word.casefold() for word in words}) == len(names)
    assert all(len(word) <= 60 and not set(word) & set('/\\\\ ,"<>:|?*\n') for word in words)
    assert words[names.index("B")] == "B"
    assert words[names.index("a b")] == "a_b"
    assert words[names.index("Ж")] == "Ж"


def test_no_class_is_cut_off_the_sheet(tmp_path: Path) -> None:
    """47 pairs stand in three double rows; the last one is the last class's."""
    originals = np.linspace(0.1, 1, 47, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32)
    write_pairs(tmp_path, file_words(NAMES), originals, originals / 2)
    assert len(list(tmp_path.glob("orig_*.png"))) == len(list(tmp_path.glob("rec_*.png"))) == 47
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (6 * 36 + 4, 20 * 36 + 4)
    shown = [sheet[8 + 36 * (2 * (number // 20)), 8 + 36 * (number % 20)] for number in range(47)]
    assert np.array_equal(shown, np.rint(255 * originals[:, 0, 0, 0]))
    assert sheet[8 + 36 * 5, 8 + 36 * 6] == round(255 * 0.5)


def test_samples_stand_in_a_square_and_are_clipped(tmp_path: Path) -> None:
    values = np.linspace(-0.5, 1.5, 7, dtype=np.float32)
    write_samples(tmp_path, values[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32))
    sheet = np.asarray(Image.open(tmp_path / "samples.png"))
    assert sheet.shape == (3 * 36 + 4, 3 * 36 + 4)
    shown = [sheet[8 + 36 * (number // 3), 8 + 36 * (number % 3)] for number in range(7)]
    assert np.array_equal(shown, np.rint(255 * np.clip(values, 0, 1)))
    assert sheet[8 + 36 * 2, 8 + 36] == 96, "nothing stands where there is none"
