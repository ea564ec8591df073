"""The page's server: three files, the state, and what a person does, for this machine's own browser alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from mnist_etc.errors import MnistEtcError
from mnist_etc.labels.page.desk import Desk

__all__ = ["create_app"]

STATIC = Path(__file__).parent / "static"
FILES = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Who = Annotated[str, Field(min_length=1, max_length=100)]


class Person(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    who: Who


class Skip(Person):
    """That a person cannot tell."""

    index: int


class Answer(Skip):
    """A person's answer."""

    label: int


def create_app(desk: Desk, who: str) -> FastAPI:
    """The server of a desk.

    It answers only to a ``Host`` of this machine, so that no other site's name leads to it, and takes nothing from a
    page of another origin.

    Args:
        desk: what it shows.
        who: the name that the page begins with.
    """
    app = FastAPI(title="mnist_etc labels", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = _refused(request)
        response = await call(request) if refused is None else JSONResponse({"error": refused}, 403)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(MnistEtcError)
    def tell(_: Request, error: MnistEtcError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 409)

    @app.exception_handler(RequestValidationError)
    def correct(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"error": f"Expected another body: {first['msg']} at {first['loc']!a}."}, 422)

    for path, file in FILES.items():
        app.add_api_route(path, lambda file=file: FileResponse(STATIC / file), methods=["GET"], response_model=None)

    @app.get("/name")
    def name() -> dict[str, str]:
        return {"who": who}

    @app.post("/state")
    def state(asked: Person) -> dict[str, object]:
        return desk.state(asked.who)

    @app.post("/answer")
    def answer(asked: Answer) -> dict[str, object]:
        desk.answer(asked.index, asked.label, asked.who)
        return desk.state(asked.who)

    @app.post("/skip")
    def skip(asked: Skip) -> dict[str, object]:
        desk.skip(asked.index, asked.who)
        return desk.state(asked.who)

    @app.post("/undo")
    def undo(asked: Person) -> dict[str, object]:
        desk.undo(asked.who)
        return desk.state(asked.who)

    return app


def _refused(request: Request) -> str | None:
    """Why a request is not answered, if it is not."""
    host = request.headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in LOOPBACK:
        return f"Expected a Host of this machine; received {host[:100]!r}."
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return f"Expected requests of this page alone; received one of {origin[:100]!r}."
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "Expected requests of this page alone; received one of another site."
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json":
        return f"Expected application/json; received {kind[:100]!r}."
    return None
