"""ONNX operators put together one by one, their outputs and constants named by their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Operators"]


class Operators:
    """Operators in the order of their work, and their constants by name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append one of ONNX's operators; return the name of its output, ``output`` or one of its own."""
        name = output or f"policy/{operator}_{len(self.nodes)}"
        return self.add_many(operator, *inputs, outputs=[name], **attributes)[0]

    def add_many(self, operator: str, *inputs: str, outputs: list[str], **attributes: Any) -> list[str]:
        """As `add`, an operator of several outputs."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def cast(self, value: str, kind: Any, output: str = "") -> str:
        """``value`` as numbers of a NumPy type."""
        from onnx import helper

        return self.add("Cast", value, output=output, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def constant(self, value: Any, kind: Any) -> str:
        """The name of a constant of a NumPy type."""
        array = np.asarray(value, kind)
        name = f"policy/{array.dtype}_{array.tolist()}" if array.ndim == 0 else f"policy/constant_{len(self.constants)}"
        self.constants[name] = array
        return name

    def one_hot(self, label: str, classes: int, values: list[float]) -> None:
        """``output`` with ``values[1]`` at ``label``, int64 ``(batch,)``, and ``values[0]`` at other ``classes``."""
        depth = self.constant([classes], np.int64)
        self.add("OneHot", label, depth, self.constant(values, np.float32), output="output", axis=1)
