"""Keras to ONNX, checked before it gets its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import onnx

from mnist_etc.errors import ExportError
from mnist_etc.export.canonical import canonical
from mnist_etc.export.tolerance import allowed

__all__ = ["write_onnx"]

OPSET = 18
BATCHES = (1, 5, 64)
TOLERANCE = 1e-4


def write_onnx(
    model: keras.Model, path: Path, examples: npt.NDArray[np.float32], metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``model`` as ONNX, from ``input`` to ``output`` at any batch size, and compare it with Keras.

    The same weights and metadata give the same bytes, in any process and whatever was built or written before.

    Args:
        model: A model of one input ``(batch, ...)`` and one output.
        path: The file to write.
        examples: 64 or more real inputs, float32 ``(n, ...)``; batches of 1, 5 and 64 are compared.
        metadata: What the file says of itself besides, by keys: its ``metadata_props``.

    Raises:
        ExportError: An output differs from Keras' by 1e-4 or more, or 1e-5 of the greatest where that is more, or the
            graph branches or loops.
    """
    import onnxruntime
    import tensorflow as tf
    import tf2onnx
    from tf2onnx.graph import GraphUtil

    signature = [tf.TensorSpec((None, *examples.shape[1:]), tf.float32, name="input")]
    function = tf.function(lambda inputs: {"output": model(inputs, training=False)}, autograph=False)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    # tf2onnx visits nodes in the order of hashes, and by some of them ends before shapes are folded: twice is enough.
    proto = GraphUtil.optimize_model_proto(proto)
    written = canonical(proto, re.sub(r"_\d+$", "", model.name))  # Keras counts the names it gives over a process
    onnx.helper.set_model_props(written, dict(sorted((metadata or {}).items())))
    path.write_bytes(written.SerializeToString(deterministic=True))

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in BATCHES:
        inputs = examples[:batch]
        wanted = np.asarray(model(inputs, training=False))
        difference = float(np.abs(session.run(["output"], {"input": inputs})[0] - wanted).max())
        most = allowed(TOLERANCE, wanted)
        if not difference < most:
            raise ExportError(
                f"Expected ONNX and Keras to agree on {model.name} within {most:.2g} at batch {len(inputs)}; "
                f"received a difference of {difference:.2g}. The model was not written."
            )
