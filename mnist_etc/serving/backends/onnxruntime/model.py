"""Triton's ``onnxruntime`` backend where the C++ one is missing: in Python, for the same ``config.pbtxt``.

Triton runs this file inside its Python backend, so nothing of this project is imported. Tensors pass by DLPack: the
backend's own way misreads the arrays of numpy 2, and answers with no bytes at all.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = json.loads(os.environ["MNIST_ETC_SYS_PATH"])  # the stub ignores PYTHONPATH
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton

SHARED_MEMORY = "/dev/shm/"  # noqa: S108 -- where POSIX puts it
THREADS = {"intra_op_num_threads": "intra_op_thread_count", "inter_op_num_threads": "inter_op_thread_count"}


class TritonPythonModel:
    """One instance: an ONNX Runtime session with a pool of threads of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version that Triton names; an exception makes Triton keep the one in service."""
        _refuse_open_memory()
        config = json.loads(args["model_config"])
        self._rank = 1 + len(config["input"][0]["dims"])
        options = onnxruntime.SessionOptions()
        for option, parameter in THREADS.items():
            setattr(options, option, int(config["parameters"].get(parameter, {"string_value": "0"})["string_value"]))
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests that Triton batched, each ``(n, 28, 28, 1)`` to ``(n, 10)``, by one run."""
        inputs = [np.from_dlpack(triton.get_input_tensor_by_name(request, "input")) for request in requests]
        fit = [part for part in inputs if part.ndim == self._rank]
        try:
            whole = np.concatenate(fit) if len(fit) > 1 else fit[0] if fit else np.empty((0,) * self._rank)
            outputs = self._session.run(["output"], {"input": whole})[0] if fit else whole
        except Exception as error:  # noqa: BLE001 -- ONNX Runtime's share no base class, and every request gets an answer
            return [triton.InferenceResponse(error=triton.TritonError(str(error))) for _ in requests]
        responses, start = [], 0
        for part in inputs:
            if part.ndim != self._rank:
                responses.append(triton.InferenceResponse(error=_no_batch()))
                continue
            answer = triton.Tensor.from_dlpack("output", _Answer(outputs[start : start + len(part)]))
            responses.append(triton.InferenceResponse([answer]))
            start += len(part)
        return responses


def _refuse_open_memory() -> None:
    """Images pass through this process's shared memory: the server must have been started so that nobody else reads it.

    Triton calls this before the first request to each instance, after a reload too.
    """
    mapped = {line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    for path in (Path(name) for name in mapped if name.startswith(SHARED_MEMORY)):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise PermissionError(
                f"Expected {path} to be its owner's alone; received mode {mode:o}. "
                "Start the server by python -m mnist_etc.serving.triton"
            )


def _no_batch() -> Any:
    """A batch of 0, which Triton passes on without its first dimension, must not fail those that it came with."""
    return triton.TritonError("Expected a batch of 1 or more; received 0.", triton.TritonError.INVALID_ARG)


class _Answer:
    """An array that is handed over as DLPack.

    The stub's own way from and to arrays is built for numpy 1: under numpy 2 it takes the size of an element for zero.
    The stub frees the tensor itself; a capsule that still had its destructor would say on stderr that it cannot.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def __dlpack__(self, **_: Any) -> Any:
        capsule = self._array.__dlpack__()
        ctypes.pythonapi.PyCapsule_SetDestructor(ctypes.py_object(capsule), None)
        return capsule

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()
