"""``infer.py`` on users' pictures: which model answers, what it warns of, what it shows."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from samples import answers_to, data_config
from support import TINY, Run

from mnist_etc.data import load_test
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.pretrained import FOLDER, MANIFEST


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[[str], Path]:
    """The table of an input, by its name."""
    return lambda name: answers_to(tmp_path / "artifacts", name, "pretrained")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A seven, a blank page, a row of three ones, a photo of something round."""
    folder = tmp_path / "mine"
    folder.mkdir()
    seven = Image.new("L", (300, 200), 230)
    ImageDraw.Draw(seven).line([(120, 40), (180, 40), (140, 160)], fill=60, width=9, joint="curve")
    seven.save(folder / "a seven.png")
    Image.new("L", (200, 200), 250).save(folder / "blank.png")
    ones = Image.new("L", (400, 200), 240)
    for left in (80, 190, 300):
        ImageDraw.Draw(ones).line([(left, 40), (left - 8, 160)], fill=30, width=10)
    ones.save(folder / "ones.jpg")
    across = np.mgrid[-1:1:200j, -1:1:200j]
    ball = np.where(np.hypot(*across) < 0.7, 40 + 170 * np.abs(across[1]) ** 0.4, 255)
    Image.fromarray(ball.astype(np.uint8)).save(folder / "x ball.png")
    return folder


def test_answers_warnings_and_sheets(run: Run, tmp_path: Path, pictures: Path, table_of: Callable[[str], Path]) -> None:
    done = run("infer.py", "input=mine", "show=seen")
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first.startswith("model=pretrained, ")
    assert "to make it: python " in first
    table = {row["file"]: row for row in rows(table_of("mine"))}
    assert [table[name]["predicted"] for name in ("a seven.png", "blank.png", "ones.jpg")] == ["7", "", "1"]
    warnings = [row["warning"] for row in table.values()]
    assert warnings == ["", "empty", "several", "unfamiliar"]
    assert table["blank.png"]["probability"] == ""
    assert float(table["a seven.png"]["distance"]) < 1 < float(table["x ball.png"]["distance"])
    assert lines[0].startswith("a seven.png: 7 (")
    assert lines[1] == "blank.png: empty"
    assert "what the model saw: seen/sheet_1.png" in done.stdout
    with Image.open(tmp_path / "seen/sheet_1.png") as sheet:
        assert sheet.size[0] > 4 * 112
    assert done.stdout.splitlines()[-1] == str(table_of("mine").relative_to(tmp_path))


def test_each_figure_of_a_row(run: Run, tmp_path: Path, pictures: Path, table_of: Callable[[str], Path]) -> None:
    done = run("infer.py", "mine/ones.jpg", "split=true")
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(table_of("ones.jpg"))
    assert [(row["file"], row["predicted"]) for row in table] == [(f"ones.jpg:{n}", "1") for n in (1, 2, 3)]


def test_forty_pairs_a_sheet(run: Run, tmp_path: Path) -> None:
    digits = load_test(data_config("digits", "digits")).images
    np.savez(tmp_path / "mine.npz", x=digits[:41])
    assert run("infer.py", "input=mine.npz", "prepare=none", "show=seen").returncode == 0
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["sheet_1.png", "sheet_2.png"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["model=trained", "input=mine"], 1, "Make it: python "),
        (["data=fashion_mnist", "input=mine"], 1, "Make it: python "),
        ([], 1, "Make it: python "),
        (["model=pretrained", "server=localhost:8500"], 2, "model=pretrained or server="),
        (["split=true"], 2, "Pass input="),
        (["show=seen"], 2, "Pass input="),
        (["model=mine"], 2, "model"),
    ],
)
def test_no_other_model_answers_in_its_place(run: Run, pictures: Path, words: list[str], code: int, said: str) -> None:
    done = run("infer.py", *words)
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not list(pictures.parent.rglob("pretrained_inference*"))


def test_a_trained_model_goes_before_the_pretrained_one(run: Run, trained: Path, pictures: Path) -> None:
    """Its manifest says how it answers what it knows, so its table has distances."""
    done = run("infer.py", *TINY, f"input={pictures}", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "pretrained" not in done.stdout
    table = rows(next(trained.glob("artifacts/digits/clsf_*_inference_mine_????????.csv")))
    assert all(row["distance"] for row in table)


def test_distance_is_one_where_a_hundredth_of_the_known_lies() -> None:
    generator = np.random.default_rng(0)
    known = generator.normal(10, 2, (20_000, 1)) + np.zeros((1, 10))
    familiarity = Familiarity.measure(known)
    distance = familiarity.distance(known.astype(np.float32), [0.0] * len(known))
    assert np.mean(distance > 1) == pytest.approx(0.01, abs=1e-3)
    assert Familiarity.of(familiarity.figures()) == familiarity
    assert Familiarity.of({"test_accuracy": 1.0}) is None
    assert familiarity.distance(known[:1].astype(np.float32), [0.9])[0] > 1


@pytest.mark.mnist
def test_clothes_are_far_from_digits(run: Run, tmp_path: Path, table_of: Callable[[str], Path]) -> None:
    """Area under the curve of MNIST's test images against Fashion-MNIST's, each 500."""
    from sklearn.metrics import roc_auc_score

    distances = []
    for name in ("mnist", "fashion_mnist"):
        images = load_test(data_config(name, "idx", os.environ["MNIST_ETC_DATA"], 5000)).images[:500]
        np.savez(tmp_path / f"{name}.npz", x=images)
        assert run("infer.py", f"input={name}.npz").returncode == 0
        distances.append([float(row["distance"] or "inf") for row in rows(table_of(f"{name}.npz"))])
    near, far = (np.minimum(np.array(of), 99) for of in distances)
    assert np.mean(near > 1) < 0.03
    assert roc_auc_score([0] * len(near) + [1] * len(far), [*near, *far]) > 0.97
    assert json.loads((FOLDER / MANIFEST).read_text())["metrics"]["test_accuracy"] > 0.993
