"""The serving graph answers as the model it was made from, and is what it promises to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from mnist_etc.artifacts.config import SupervisedCommand, TrainCommand
from mnist_etc.composition import compose
from mnist_etc.data import digits
from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ExportError
from mnist_etc.export.config import InputType
from mnist_etc.export.int8 import quantize
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.policy.graph import append_policy
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.specification import parse_policy

if TYPE_CHECKING:
    import keras

    Export = Callable[[keras.Model], onnx.ModelProto]

CONVOLUTIONS = ["Reshape", "Conv", "Relu", "Reshape", "MaxPool", "Reshape", "Conv", "Relu", "MaxPool", "Conv", "Relu"]
IMAGES = np.random.default_rng(0).integers(0, 256, (64, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    def exported(model: keras.Model) -> onnx.ModelProto:
        from mnist_etc.export.onnx import write_onnx

        path = tmp_path_factory.mktemp("export") / "model.onnx"
        write_onnx(model, path, scale_pixels(IMAGES))
        return onnx.load(path)

    return exported


@pytest.fixture(scope="module")
def plain(export: Export) -> onnx.ModelProto:
    """Random convolutions, and on them a linear layer fitted to scikit-learn's digits."""
    from mnist_etc.models.classifier import build_full_model

    train, encoder, classifier = digits.read("train"), fresh_encoder(), fresh_classifier()
    codes = encoder.predict(scale_pixels(train.images), verbose=0)
    fitted = np.linalg.lstsq(np.pad(codes, [(0, 0), (0, 1)], constant_values=1), np.eye(10)[train.labels], rcond=None)[
        0
    ]
    classifier.set_weights([fitted[:-1], fitted[-1]])
    return export(build_full_model(encoder, classifier))


def fresh_encoder(hid_dim: int = 32) -> keras.Model:
    """Its biases are not zero, so that a lost one shows."""
    from mnist_etc.models.autoencoder import build_autoencoder

    config = compose("train", TrainCommand, [f"autoencoder.hid_dim={hid_dim}"]).autoencoder
    encoder = build_autoencoder(config).get_layer("encoder")
    generator = np.random.default_rng(1)
    encoder.set_weights([w if w.ndim > 1 else generator.normal(0, 0.1, w.shape) for w in encoder.get_weights()])
    return encoder


def fresh_classifier(inputs: int = 32, hidden_units: str = "[]") -> keras.Model:
    from mnist_etc.models.classifier import build_classifier

    config = compose("train", TrainCommand, [f"classifier.hidden_units={hidden_units}"]).classifier
    classifier = build_classifier(config, inputs)
    generator = np.random.default_rng(2)
    classifier.set_weights([w if w.ndim > 1 else generator.normal(0, 0.1, w.shape) for w in classifier.get_weights()])
    return classifier


def answers(model: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = images[..., None] if session.get_inputs()[0].type == "tensor(uint8)" else scale_pixels(images)
    return session.run(["output"], {"input": pixels})[0]


def assert_parity(plain: onnx.ModelProto, served: onnx.ModelProto) -> None:
    for batch in (1, 5, 64):
        assert np.abs(answers(served, IMAGES[:batch]) - answers(plain, IMAGES[:batch])).max() < 1e-4


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def serving(plain: onnx.ModelProto, input_type: InputType = InputType.float32) -> onnx.ModelProto:
    return build_serving_graph(plain, input_type)


@pytest.mark.parametrize("input_type", InputType)
def test_the_same_answers(plain: onnx.ModelProto, input_type: InputType) -> None:
    before = plain.SerializeToString()
    served = serving(plain, input_type)
    cast = ["Cast"] if input_type is InputType.uint8 else []
    assert operators(served) == [*cast, *CONVOLUTIONS, "Flatten", "Gemm"]
    assert_parity(plain, served)
    assert plain.SerializeToString() == before
    assert served == serving(plain, input_type)


@pytest.mark.parametrize("input_type", InputType)
@pytest.mark.parametrize(
    "policy", ["logits", "probabilities", "rounded:2", "top_k:3", "top1", "levels:3", "label", "noisy:8"]
)
def test_the_file_is_portable(plain: onnx.ModelProto, input_type: InputType, policy: str) -> None:
    judged = answers(plain, digits.read("train").images)
    served = append_policy(
        build_serving_graph(plain, input_type), fit_policy(parse_policy(policy), judged, digits.read("train").labels)
    )
    onnx.checker.check_model(served, full_check=True)
    assert served.ir_version <= 8
    assert [(entry.domain, entry.version <= 18) for entry in served.opset_import] == [("", True)]
    assert {node.domain for node in served.graph.node} == {""}
    assert not any(tensor.external_data for tensor in served.graph.initializer)
    (pixels,), (output,) = served.graph.input, served.graph.output
    assert (pixels.name, output.name) == ("input", "output")
    assert pixels.type.tensor_type.shape.dim[0].dim_param == output.type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("hid_dim", [1, 31, 64, 200])
def test_other_widths(export: Export, hid_dim: int) -> None:
    """From one filter to more than fill a block."""
    from mnist_etc.models.classifier import build_full_model

    plain = export(build_full_model(fresh_encoder(hid_dim), fresh_classifier(hid_dim)))
    served = serving(plain, InputType.uint8)
    assert_parity(plain, served)
    assert operators(served).count("Conv") == 3
    assert operators(served).count("Reshape") >= 3 or hid_dim == 200


def test_a_hidden_layer(export: Export) -> None:
    from mnist_etc.models.classifier import build_full_model

    plain = export(build_full_model(fresh_encoder(), fresh_classifier(hidden_units="[256]")))
    served = serving(plain)
    assert operators(served) == [*CONVOLUTIONS, "Flatten", "Gemm", "Relu", "Gemm"]
    assert_parity(plain, served)


def test_an_activation_between_is_kept(export: Export) -> None:
    from keras import Sequential, layers

    last = [layers.Conv2D(8, 3, strides=2), layers.Conv2D(6, 13, activation="relu"), layers.Flatten(), layers.Dense(10)]
    plain = export(Sequential([layers.Input((28, 28, 1)), *last]))
    served = serving(plain, InputType.uint8)
    assert operators(served).count("Conv") == 2
    assert_parity(plain, served)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("pool", "step"), [(2, 2), (3, 2), (2, 1)])
def test_other_pools_and_paddings(export: Export, padding: str, pool: int, step: int) -> None:
    """What a pass does not know, it leaves as it is; a last convolution of many places is not folded."""
    from keras import Sequential, layers

    network = [
        layers.Conv2D(4, 4, padding=padding, activation="relu"),
        layers.MaxPooling2D(pool, step, padding=padding),
        layers.Conv2D(5, 3, padding=padding, dilation_rate=2),
        layers.Flatten(),
        layers.Dense(10),
    ]
    plain = export(Sequential([layers.Input((28, 28, 1)), *network]))
    for input_type in InputType:
        assert_parity(plain, serving(plain, input_type))
    phases = padding == "valid" and (pool, step) == (2, 2)
    strides = [list(a.ints) for node in serving(plain).graph.node for a in node.attribute if a.name == "strides"]
    assert ([4, 1] in strides) == phases


@pytest.mark.parametrize("input_type", InputType)
def test_scattering(export: Export, input_type: InputType) -> None:
    from mnist_etc.models.classifier import build_full_model
    from mnist_etc.models.scattering import build_features

    features = build_features()
    plain = export(build_full_model(features, fresh_classifier(features.output_shape[-1])))
    served = serving(plain, input_type)
    assert_parity(plain, served)
    assert {node.domain for node in served.graph.node} == {""}


def test_another_model_is_refused(export: Export) -> None:
    from keras import Sequential, layers

    other = export(Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)]))
    with pytest.raises(
        ExportError, match=r"^Expected float32 input \(batch, side, side, 1\).*received.*Pass a full model"
    ):
        serving(other)


@pytest.mark.parametrize("input_type", InputType)
def test_int8(plain: onnx.ModelProto, input_type: InputType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train, test = digits.read("train"), digits.read("test")
    served = serving(plain, input_type)
    before = served.SerializeToString()
    small = quantize(served, train.images[:512])
    assert served.SerializeToString() == before
    expected, received = answers(plain, test.images), answers(small, test.images)
    assert (expected.argmax(axis=1) == test.labels).mean() > 0.8
    assert (expected.argmax(axis=1) == received.argmax(axis=1)).mean() > 0.98
    assert np.abs(expected - received).max() < 0.2
    assert {"QuantizeLinear", "DequantizeLinear"} <= set(operators(small))
    assert small == quantize(served, train.images[:512])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("input_type", InputType)
def test_int8_is_the_same_without_vnni(plain: onnx.ModelProto, input_type: InputType) -> None:
    """AVX2 adds two products of uint8 and int8 in 16 bits (vpmaddubsw): no two weights of a filter may overflow."""
    small = quantize(serving(plain, input_type), digits.read("train").images[:64])
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in small.graph.initializer}
    weights = {name: value for name, value in stored.items() if value.dtype in (np.int8, np.uint8) and value.ndim > 1}
    assert len(weights) == 4
    for name, value in weights.items():
        assert value.dtype == np.int8
        assert np.abs(value.astype(int)).max() == 64
        filters = value.T if value.ndim == 2 else value.reshape(len(value), -1)
        assert_no_pair_overflows(filters.astype(int), name)


def assert_no_pair_overflows(filters: NDArray[np.int_], name: str) -> None:
    """Whatever the pixels (0 to 255) and whichever two products meet: the greatest two, and the least two."""
    ordered = np.sort(np.pad(filters, [(0, 0), (0, 2)]), axis=1)  # a pixel of 0 takes a product away
    for extreme in (ordered[:, -2:], ordered[:, :2]):
        exact = 255 * extreme.sum(axis=1)
        assert np.array_equal(exact, np.clip(exact, -(2**15), 2**15 - 1)), name


@pytest.mark.parametrize(("classes", "side"), [(2, 32), (47, 64)])
@pytest.mark.parametrize("input_type", InputType)
def test_other_classes_and_sides(input_type: InputType, classes: int, side: int, tmp_path: Path) -> None:
    """Shapes and metadata are the model's own, in the served graph and in int8."""
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.autoencoder import build_autoencoder
    from mnist_etc.models.classifier import build_classifier, build_full_model

    command = compose("train", TrainCommand, [])
    encoder = build_autoencoder(command.autoencoder, side=side).get_layer("encoder")
    model = build_full_model(encoder, build_classifier(command.classifier, 32, classes=classes))
    images = np.random.default_rng(1).integers(0, 256, (64, side, side), np.uint8)
    write_onnx(model, tmp_path / "model.onnx", scale_pixels(images), {"classes": "names"})
    plain = onnx.load(tmp_path / "model.onnx")
    served = build_serving_graph(plain, input_type)
    for graph in (served, quantize(served, images)):
        assert {one.key: one.value for one in graph.metadata_props} == {"classes": "names"}
        shapes = [[axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in served.graph.input]
        assert shapes == [[0, side, side, 1]]
        assert [axis.dim_value for axis in served.graph.output[0].type.tensor_type.shape.dim] == [0, classes]
    assert np.abs(answers(served, images) - answers(plain, images)).max() < 1e-4
    assert answers(quantize(served, images), images).shape == (64, classes)


@pytest.mark.parametrize("name", ["cnn", "efficient", "capsule"])
def test_models_of_the_zoo(export: Export, name: str) -> None:
    """Their normalizations, their sums, and the capsules' stack of matrices, served as they are and in int8."""
    from mnist_etc.models.zoo import ZOO

    config = compose("supervised", SupervisedCommand, [f"model={name}"]).model
    plain = export(ZOO[name].network(config, 0, 28, 10))
    served = serving(plain)
    assert_parity(plain, served)
    expected, quantized = answers(plain, IMAGES), answers(quantize(served, IMAGES), IMAGES)
    assert np.abs(quantized - expected).mean() < 0.2 * expected.std()
