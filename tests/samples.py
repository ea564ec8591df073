"""What the tests of data and inference are made of: small files, a small model, a way to see peak memory."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support import writer

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.data.config import DataConfig, Prepare
from mnist_etc.data.dataset import DIGITS
from mnist_etc.errors import DataError
from mnist_etc.inference.config import InferCommand
from mnist_etc.predictor import to_metadata

OBSERVED = """
import re, runpy, sys
from collections.abc import Callable
from pathlib import Path
report, sys.argv = Path(sys.argv[1]), sys.argv[2:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
    report.write_text(peak + "\\n" + "\\n".join(sys.modules))
"""
"""``python -c OBSERVED <report> <script> ...`` leaves the peak memory in KiB, then the loaded modules."""


def refusal(function: Callable[[], object]) -> str:
    """The message of the DataError that ``function`` raises, which is one line; empty where it raises none."""
    try:
        function()
    except DataError as error:
        message = str(error)
        assert "\n" not in message
        return message
    return ""


def data_config(
    name: str, kind: str, root: Path | str = "", validation: int = 2, split_seed: int = 0, owners: str | None = None
) -> DataConfig:
    return DataConfig(
        name=name,
        kind=kind,
        root=str(root),
        prepare=Prepare.none,
        validation=validation,
        split_seed=split_seed,
        owners=owners,
    )


def idx_bytes(content: NDArray[np.uint8], *, count: int | None = None, magic: int | None = None) -> bytes:
    """An IDX file whose header may lie."""
    shape = (len(content) if count is None else count, *content.shape[1:])
    number = 0x800 + content.ndim if magic is None else magic
    return struct.pack(f">{1 + content.ndim}I", number, *shape) + content.tobytes()


def write_idx_dataset(folder: Path, count: int = 12) -> None:
    """Four good files of random images, ``count`` for each part."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = generator.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count).astype(np.uint8) % np.uint8(10)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images), 1))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels), 1))


def linear_model(images: NDArray[np.uint8], labels: NDArray[np.int64], names: Sequence[str] = DIGITS) -> bytes:
    """ONNX of the form of the full model: one linear layer, fitted by ridge regression."""
    from onnx import TensorProto, helper, numpy_helper

    pixels = images.reshape(len(images), -1) / 255.0
    kernel = np.linalg.solve(pixels.T @ pixels + 10 * np.eye(pixels.shape[1]), pixels.T @ np.eye(len(names))[labels])
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *images.shape[1:], 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(names)])],
        [numpy_helper.from_array((20 * kernel).astype(np.float32), "kernel")],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, to_metadata(names))
    return bytes(model.SerializeToString())


def digits_model() -> bytes:
    """`linear_model` of the bundled digits."""
    train = load(data_config("digits", "digits")).train
    return linear_model(train.images, train.labels)


def answers_to(folder: Path, name: str, stem: str = "clsf_h32_ee3_e6") -> Path:
    """The table of ``infer.py`` of the input ``name``."""
    (table,) = folder.glob(f"{stem}_inference_{name}_????????.csv")
    return table


def publish(content: bytes, artifacts: Path, *overrides: str) -> tuple[InferCommand, Artifact]:
    """Put ``content`` where ``infer.py artifacts=... *overrides`` looks for the full model."""
    config = compose("infer", InferCommand, [f"artifacts={artifacts}", *overrides])
    artifact = ArtifactFolder.of(config).full_model(config.autoencoder, config.classifier)
    artifact.publish(
        {artifact.onnx: writer(content)},
        settings=fingerprint(config, config.autoencoder, config.classifier),
        dataset_sha256="0" * 64,
        metrics={},
        privacy={"epsilon": None, "words": "none: a sample"},
    )
    return config, artifact
