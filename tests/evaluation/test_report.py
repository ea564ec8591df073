"""What a run leaves for readers: each file whole or not at all, and figures that add up."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.drawn import COMMAND, Judged, figures, finished, manifest, places
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.errors import ArtifactError
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.model_info import multiply_adds
from mnist_etc.evaluation.report import PLOTS, write_report
from mnist_etc.predictor import softmax

HISTORY = [{"loss": 0.5, "validation_accuracy": 0.8}, {"loss": 0.25, "validation_accuracy": 0.9}]


def report(folder: Path, told: Figures, **changes: Any) -> None:
    settings: dict[str, Any] = {
        "model": "cnn",
        "manifest": manifest(),
        "history": HISTORY,
        "verdicts": [Judged("accuracy", 0.98, 0.97, passed=True)],
        "command": COMMAND,
        "images": {"training": 1000},
    }
    write_report(places(folder), told, **settings | changes)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_leaves_all_of_it_and_twice_the_same(tmp_path: Path) -> None:
    told = figures()
    for folder in ("one", "two"):
        finished(tmp_path / folder, told)
        report(tmp_path / folder, told)
    found = files(tmp_path / "one")
    card = "model_card/model_card.md"
    assert found.keys() == {
        *("models/full_model.h5", "models/full_model.onnx", "model_info.json", "logs/metrics.json", card),
        *(f"plots/{name}.png" for name in PLOTS),
    }
    assert found == files(tmp_path / "two") | {"models/full_model.h5": found["models/full_model.h5"]}
    for name in PLOTS:
        assert f"](../plots/{name}.png)" in found[card].decode()


def test_the_figures_are_those_of_the_answers(tmp_path: Path) -> None:
    told = figures()
    finished(tmp_path, told)
    report(tmp_path, told, skip_visualizations=True)
    said = json.loads((tmp_path / "logs/metrics.json").read_text())
    assert said["accuracy"]["value"] == np.mean(told.logits.argmax(axis=1) == told.labels)
    assert said["history"] == HISTORY
    assert said["trained"] == {"validation_accuracy": 0.9}
    assert said["latency_ms"]["p50"] == pytest.approx(np.median(told.latency))
    right = softmax(told.logits.astype(np.float64))[np.arange(len(told.labels)), told.labels]
    assert said["log_loss"] == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert sum(row["correct"] for row in said["classes"]) == (told.logits.argmax(axis=1) == told.labels).sum()
    assert said["classes"][-1]["recall"] is None


def test_the_model_is_described_from_its_files(tmp_path: Path) -> None:
    told = figures()
    run = finished(tmp_path, told)
    report(tmp_path, told, skip_visualizations=True)
    info = json.loads(run.info.read_text())
    classes = len(told.names)
    assert info["weights"] == 65 * classes
    assert info["multiply_adds"] == 64 * classes
    assert info["layers"] == [
        {"name": "flatten", "type": "Flatten", "weights": 0},
        {"name": "dense", "type": "Dense", "weights": 65 * classes},
    ]
    assert (info["input"], info["output"]) == ([8, 8, 1], [classes])
    assert info["hyperparameters"]["model"]["epochs"] == 6
    assert info["bytes"]["full_model.onnx"] == run.onnx.stat().st_size


def test_multiplications_are_counted_as_by_hand() -> None:
    """A grouped convolution of stride 2, its transposed counterpart, and a dense layer."""
    shapes = {"grouped": (6, 2, 3, 3), "back": (6, 5, 2, 2), "dense": (5 * 8 * 8, 10)}
    constants = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["input", "grouped"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        helper.make_node("ConvTranspose", ["a", "back"], ["b"], strides=[2, 2]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "dense"], ["output"]),
    ]
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 4, 8, 8]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 10]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants))
    assert multiply_adds(model) == 6 * 4 * 4 * 2 * 3 * 3 + 6 * 4 * 4 * 5 * 2 * 2 + 320 * 10


def test_without_pictures_those_of_an_earlier_model_are_gone(tmp_path: Path) -> None:
    told = figures()
    finished(tmp_path, told)
    report(tmp_path, told)
    (tmp_path / "plots/mine.png").write_bytes(b"mine")
    report(tmp_path, told, skip_visualizations=True)
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["mine.png"]
    assert "../plots" not in (tmp_path / "model_card/model_card.md").read_text()


@pytest.mark.parametrize("full", ["metrics.json", "model_info.json", "classes.png", "model_card.md"])
def test_a_disk_that_fills_is_one_line_and_nothing_is_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    """The file of before stays whole, whichever one the disk is full at."""
    import mnist_etc.files

    told, bare = figures(), not full.endswith(".png")
    finished(tmp_path, told)
    report(tmp_path, told, skip_visualizations=bare)
    before = files(tmp_path)
    sync = mnist_etc.files.sync

    def filling(path: Path) -> None:
        if written[-1].name == full:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(path)

    written: list[Path] = []
    temporary = mnist_etc.files.temporary

    @contextmanager
    def watched(final: Path, *settings: Any, **named: Any) -> Iterator[Path]:
        written.append(final)
        with temporary(final, *settings, **named) as path:
            yield path

    monkeypatch.setattr("mnist_etc.files.sync", filling)
    for module in ("files", "evaluation.lettering", "evaluation.plots.canvas"):
        monkeypatch.setattr(f"mnist_etc.{module}.temporary", watched)
    other = figures(images=300)
    with pytest.raises(ArtifactError, match=rf"^Cannot write \S*{full}: No space left on device\..*$") as caught:
        report(tmp_path, other, skip_visualizations=bare)
    assert "\n" not in str(caught.value)
    after = files(tmp_path)
    assert after.keys() == before.keys()
    changed = {Path(name).name for name in before if before[name] != after[name]}
    assert full not in changed
    assert changed <= {path.name for path in written}
    if full == "model_card.md":
        assert "metrics.json" in changed
