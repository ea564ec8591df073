"""What is in service, and whether it is ready: ``/v1/models``, ``/v1/model.onnx``, ``/healthz``, ``/readyz``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from mnist_etc.service.problems import Problem
from mnist_etc.service.refusals import refusals
from mnist_etc.service.shelf import Shelf

__all__ = ["ModelInput", "ModelList", "ModelRow", "router"]


class ModelInput(BaseModel):
    """What the graph of ``/v1/model.onnx`` takes."""

    name: str
    dtype: str
    """``uint8`` for pixels of 0 to 255, ``float32`` for 0 to 1; light on dark."""
    shape: list[int | None]


class ModelRow(BaseModel):
    """A model in service."""

    name: str
    version: int
    policy: str
    leakage_bits: float | None
    """Bits that an answer tells about the image at most; null: it is not known."""
    classes: list[str]
    side: int
    accuracy: float | None
    """On validation images; null: it is not known."""
    input: ModelInput


class ModelList(BaseModel):
    """The models in service."""

    models: list[ModelRow]


router = APIRouter()


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


OfApp = Annotated[Shelf, Depends(_shelf)]


@router.get("/v1/models", response_model=ModelList, responses=refusals(401, 403, 429), tags=["models"])
async def list_models(shelf: OfApp) -> dict[str, Any]:
    """Say what is in service: the model, its version, its output policy, and how much an answer tells at most."""
    return {"models": [shelf.current.about()]}


@router.get(
    "/v1/model.onnx",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **refusals(401, 403, 404, 429)},
    tags=["models"],
)
async def model_graph(shelf: OfApp) -> Response:
    """Give the graph in service with its output policy, for whoever wants to run it without sending images."""
    model = shelf.current
    if model.onnx is None:
        raise Problem("not-found", "Expected a graph in this process; received a model that a server runs.")
    headers = {"X-Model-Version": str(model.version), "Cache-Control": "no-cache"}
    return Response(model.onnx, headers=headers, media_type="application/octet-stream")


@router.get("/healthz", tags=["operation"])
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses=refusals(503), tags=["operation"])
async def ready(shelf: OfApp) -> dict[str, Any]:
    """Say whether requests are answered, by which version, and why a newer one is not in service."""
    if trouble := shelf.trouble():
        raise Problem("unavailable", f"The model gives no answer: {trouble}", headers={"Retry-After": "1"})
    return {"status": "ready", "version": shelf.current.version, "refused": shelf.refused}
