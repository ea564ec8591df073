"""Write one network as ONNX, in this process or in one of its own: ``python -m export.same_bytes <file>``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

__all__ = ["export"]


def export(path: Path, *, history: int) -> bytes:
    """The file of a network with branches and normalization, after so many others were built."""
    import keras
    from keras import layers

    from mnist_etc.export.metadata import describe
    from mnist_etc.export.onnx import write_onnx

    for _ in range(history):
        keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    entrance = layers.Input((8, 8, 1))
    values = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(entrance))
    branches = [layers.Conv2D(4, 3, padding="same", activation="relu")(values) for _ in range(2)]
    whole = layers.Add()(branches) * layers.GlobalAveragePooling2D(keepdims=True)(values)
    model = keras.Model(entrance, layers.Dense(3)(layers.LayerNormalization()(layers.Flatten()(whole))))
    generator = np.random.default_rng(1)
    model.set_weights([generator.uniform(0.01, 0.1, weight.shape) for weight in model.get_weights()])
    images = generator.random((64, 8, 8, 1), dtype=np.float32)
    write_onnx(model, path, images, describe(model, classes=["a", "b", "c"], epsilon=2.5))
    return path.read_bytes()


if __name__ == "__main__":
    export(Path(sys.argv[1]), history=2)
