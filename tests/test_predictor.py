"""What a model says of its classes and its side, and what is no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from glyphs import draw_split
from samples import linear_model

from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.predictor import Predictor, to_metadata

NAMES = ("a, b", 'say "b"', "Ä")


def write(path: Path, names: tuple[str, ...] = NAMES, side: int = 32, **stated: str) -> Path:
    split = draw_split(4, ("0", "1", "2"), side=side)
    model = onnx.load_from_string(linear_model(split.images, split.labels, names))
    if stated:
        onnx.helper.set_model_props(model, stated)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_model_says_what_its_classes_are(tmp_path: Path) -> None:
    predictor = Predictor(write(tmp_path / "model.onnx"))
    assert (predictor.names, predictor.side) == (NAMES, 32)
    split = draw_split(4, ("0", "1", "2"), side=32)
    probabilities = predictor.probabilities(split.images)
    assert probabilities.shape == (12, 3)
    assert np.array_equal(probabilities.argmax(axis=1), split.labels)
    assert predictor.classify(split.images) == [NAMES[label] for label in split.labels]


def test_a_model_that_says_nothing_has_numbers(tmp_path: Path) -> None:
    """As files of before said nothing of classes that are their numbers."""
    path = write(tmp_path / "model.onnx")
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    assert Predictor(path).names == ("0", "1", "2")
    assert to_metadata(("0", "2")) == {"classes": '["0", "2"]'}


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ('["a", "b"]', "Expected 3 names of classes in .*; received 2"),
        ('["a", "b", "b"]', "received b twice"),
        ('["a", "b", 3]', "text on one line"),
        ('["a", "b", "c\\u001b[31m"]', "text on one line"),
        ('"abc"', "Expected 2 to 1,000 classes"),
        ("{", "Train .* again"),
        ("7", "Train .* again"),
        ("[" * 100_000, "Train .* again"),
    ],
)
def test_names_that_are_none_are_refused(tmp_path: Path, stated: str, words: str) -> None:
    with pytest.raises(ArtifactError, match=words) as caught:
        Predictor(write(tmp_path / "model.onnx", classes=stated))
    assert "\n" not in str(caught.value)


def test_images_of_another_side_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected images of 32 x 32, .*; received 28 x 28\. Pass data\.side=32"):
        Predictor(write(tmp_path / "model.onnx")).logits(draw_split(1).images)


@pytest.mark.parametrize("shape", [(28, 32, 1), (28, 28, 3), (28, 28)])
def test_another_input_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    model = onnx.load(write(tmp_path / "model.onnx", side=28))
    size = int(np.prod(shape))
    model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("input", 1, ["batch", *shape]))
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.zeros((size, 3), np.float32), "kernel"))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=r"Expected input \(batch, 28, 28, 1\), or of another side"):
        Predictor(tmp_path / "model.onnx")
