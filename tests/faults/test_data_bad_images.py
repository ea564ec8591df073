"""Bad images among good ones: named and counted; in a dataset to train on, they end the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from samples import digits_model, publish
from support import Run, refused


def test_training(run: Run, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in range(10):
            folder = tmp_path / "mine" / part / str(label)
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(np.full((28, 28), number, np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "mine/train/3/1.png").write_bytes(b"no image")
    done = run("train.py", "data=folder", "data.root=mine", "data.prepare=none", "data.validation=10")
    refused(done, "mine/train/3/1.png", "1 of 30 images", plain=True)


def test_inference(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    (tmp_path / "mine").mkdir()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "mine/good.png")
    for name in ("empty.png", "text.jpg"):
        (tmp_path / "mine" / name).write_bytes(b"text"[: 4 * (name == "text.jpg")])
    done = run("infer.py", "data=digits", "input=mine")
    assert done.returncode == 3
    empty, text, count = done.stderr.splitlines()
    assert "mine/empty.png" in empty
    assert "mine/text.jpg" in text
    assert count.startswith("skipped 2 of 3 images")
    assert len(next((tmp_path / "artifacts").rglob("*.csv")).read_text().splitlines()) == 2
