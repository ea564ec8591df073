"""``POST /v1/classify``, and ``/predict/`` for clients that know that path."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from mnist_etc.service.forms import check_type
from mnist_etc.service.problems import Problem
from mnist_etc.service.refusals import refusals

__all__ = ["Answer", "Answers", "router"]


class Answer(BaseModel):
    """The answer to one image."""

    name: str
    """Of the file, without folders; of an array the position of the image, behind the file's name and a colon."""
    class_: str | None = Field(alias="class")
    """Name of the class; null: there is no figure in the picture."""
    digit: int | None
    """Number of the class."""
    probability: float | None
    """As the output policy tells it; null: it does not."""
    warning: str | None
    """``empty``: no figure was found; ``several``: the largest of several is answered."""
    image: str | None
    """With explain=true the image as the model saw it, a PNG in a data: URL."""


class Answers(BaseModel):
    """The answers to a request, in the order of its images."""

    model: str
    version: int
    policy: str
    leakage_bits: float | None
    answers: list[Answer]


YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
EXAMPLE = {
    "model": "pretrained",
    "version": 0,
    "policy": "levels:2",
    "leakage_bits": 4.3219,
    "answers": [
        {"name": "three.png", "class": "3", "digit": 3, "probability": 0.999, "warning": None, "image": None},
    ],
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}},
}
RAW = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "application/octet-stream")
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An image (PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF, JPEG 2000, PNM), an IDX file of images, "
        "gzipped or not, an npz or an npy file; as it is, or one or several as the parts `file` of a form.",
        "content": {
            **dict.fromkeys(RAW, BINARY),
            "multipart/form-data": {"schema": FILES, "encoding": {"file": {"contentType": "image/png"}}},
        },
    }
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The answers", "content": {"application/json": {"example": EXAMPLE}}},
    **refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
}


class _Lean(APIRoute):
    """A route whose handler reads and answers by itself: what FastAPI makes of a signature is for the OpenAPI alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, as FastAPI asks a route for it."""
        return _answer


async def _answer(request: Request) -> Response:
    scope, state = request.scope, request.app.state
    explain = bool(scope["query_string"]) and _explain(request.query_params.getlist("explain"))
    content_type = request.headers.get("content-type", "")
    check_type(content_type)
    body = await state.bodies.read(scope, request.receive)
    try:
        sender = scope["state"]["sender"]
        content = await state.engine.answer(body, content_type, explain=explain, sender=sender)
    finally:
        state.bodies.release(body)
    return Response(content, media_type="application/json")


def _explain(values: list[str]) -> bool:
    word = values[-1].lower() if values else "false"
    if word not in YES | NO:
        raise Problem("unreadable", f"Expected explain as true or false; received {word[:32]!r}.")
    return word in YES


router = APIRouter(tags=["classify"], route_class=_Lean)


@router.post("/v1/classify", response_model=Answers, responses=RESPONSES, openapi_extra=BODY)
async def classify(
    *,
    explain: bool = Query(default=False, description="Show each image as the model saw it."),
) -> None:
    """Classify one image or several: the class, and as much of its probability as the output policy tells."""


@router.post("/predict/", response_model=Answers, responses=RESPONSES, openapi_extra=BODY)
async def predict() -> None:
    """Classify the images of a form, as `/v1/classify` does."""
