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

SHARED_MEMORY, REGION = Path("/dev/shm"), 2  # noqa: S108 -- where POSIX puts it
"""The folder, and the place of the region's name among the stub's arguments."""
THREADS = {"intra_op_num_threads": "intra_op_thread_count", "inter_op_num_threads": "inter_op_thread_count"}


class TritonPythonModel:
    """One instance: an ONNX Runtime session with a pool of threads of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version that Triton names; an exception makes Triton keep the one in service."""
        _take_memory_from_others()
        config = json.loads(args["model_config"])
        self._rank = 1 + len(config["input"][0]["dims"])
        options = onnxruntime.SessionOptions()
        for option, parameter in THREADS.items():
            setattr(options, option, int(config["parameters"].get(parameter, {"string_value": "0"})["string_value"]))
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests that Triton batched, each ``(n, side, side, 1)`` to ``(n, classes)``, by one run."""
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


def _take_memory_from_others() -> None:
    """Leave the shared memory that images pass through to this process and the server, without a name.

    Triton calls this before the first request to each instance, after a reload too. By its name another account could
    open it, if its mode allows, or have the server itself map it: whoever reaches the port may name a region.
    """
    path = SHARED_MEMORY / Path("/proc/self/cmdline").read_bytes().split(b"\0")[REGION].decode()
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise PermissionError(
            f"Expected {path} to be its owner's alone; received mode {mode:o}. "
            "Start the server by python -m mnist_etc.serving.triton"
        )
    path.unlink()
    if Path(f"/proc/{os.getppid()}/maps").read_text().count(str(path)) > 1:
        raise PermissionError(f"Expected {path} to be the model's alone; received a client that registered it, too.")


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
