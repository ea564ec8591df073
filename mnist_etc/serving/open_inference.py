"""The Open Inference Protocol (v2, JSON) on a model of MLflow's, and the bound on a request's size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["LARGEST", "Limited", "routes"]

LARGEST = 2**25
"""Bytes of a request: 1,000 images of 28 x 28 as JSON take 15 million at most."""
TYPES = {"FP32": np.dtype(np.float32), "UINT8": np.dtype(np.uint8)}
Handler = Callable[["Request"], Awaitable["JSONResponse"]]


class Limited:
    """``app`` behind a bound: a request of more than `LARGEST` bytes, or that does not say how many, is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 411 or 413, or hand the request on."""
        from starlette.responses import JSONResponse

        if scope["type"] == "http":
            headers = dict(scope["headers"])
            length = headers.get(b"content-length", b"0")
            if b"transfer-encoding" in headers or not length.isdigit():
                await JSONResponse({"error": "Expected Content-Length; received none."}, 411)(scope, receive, send)
                return
            if len(length) > len(str(LARGEST)) or int(length) > LARGEST:
                said = f"Expected a request of at most {LARGEST:,} bytes; received more."
                await JSONResponse({"error": said}, 413)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def routes(model: Any, name: str) -> list[Route]:
    """The protocol's addresses for one model.

    Args:
        model: an ``mlflow.pyfunc.PyFuncModel`` with one tensor in and one out, both named by its signature.
        name: of the model in the addresses.
    """
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    (takes,), (gives,) = model.metadata.signature.inputs.inputs, model.metadata.signature.outputs.inputs
    about = {"name": name, "platform": "onnx_mlflow", "inputs": [_spec(takes)], "outputs": [_spec(gives)]}

    async def tell(_: Request) -> JSONResponse:
        return JSONResponse(about)

    async def ready(_: Request) -> JSONResponse:
        return JSONResponse({"name": name, "ready": True})

    async def server(_: Request) -> JSONResponse:
        return JSONResponse({"name": "mnist_etc", "version": "2", "extensions": []})

    async def infer(request: Request) -> JSONResponse:
        body = await request.body()
        try:
            identity, images = _read(body, takes)
            answer = (await asyncio.to_thread(model.predict, {takes.name: images}))[gives.name]
        except Exception as error:  # noqa: BLE001 - MLflow's and ONNX Runtime's too: whatever was sent is answered
            return JSONResponse({"error": " ".join(str(error).split())[:500]}, 400)
        return JSONResponse(
            {
                "model_name": name,
                **({} if identity is None else {"id": identity}),
                "outputs": [{**_spec(gives), "shape": list(answer.shape), "data": answer.ravel().tolist()}],
            }
        )

    place = f"/v2/models/{name}"
    return [
        Route("/v2", server),
        Route("/v2/health/live", ready),
        Route("/v2/health/ready", ready),
        Route(place, tell),
        Route(f"{place}/ready", ready),
        Route(f"{place}/infer", infer, methods=["POST"]),
    ]


def _spec(tensor: Any) -> dict[str, Any]:
    (kind,) = (name for name, dtype in TYPES.items() if dtype == tensor.type)
    return {"name": tensor.name, "datatype": kind, "shape": list(tensor.shape)}


def _read(body: bytes, takes: Any) -> tuple[str | None, NDArray[Any]]:
    """The request's id and its one tensor.

    Raises:
        ValueError: it is of another form.
    """
    try:
        content = json.loads(body)
        (tensor,) = content["inputs"]
        shape, wanted = [int(size) for size in tensor["shape"]], _spec(takes)
        if (tensor["name"], tensor["datatype"]) != (wanted["name"], wanted["datatype"]):
            raise ValueError(f"{tensor['name']} of {tensor['datatype']}")
        if len(shape) != len(wanted["shape"]) or shape[1:] != wanted["shape"][1:] or shape[0] < 1:
            raise ValueError(f"shape {shape}")
        values = np.asarray(tensor["data"], np.float64).reshape(shape)
        identity = content.get("id")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(f"Expected one tensor {_spec(takes)} in inputs; received: {cause}.") from error
    if not np.isfinite(values).all() or values.min() < 0 or (takes.type == np.uint8 and values.max() > 255):
        raise ValueError("Expected pixels, finite and in range; received others.")
    return None if identity is None else str(identity)[:200], values.astype(takes.type)
