"""``/``: the page where people draw a digit and see what its answer gives away; its files under ``/static/``.

The page asks nobody but this service. Its files are read once and told apart by their hash, so a browser keeps them
until they change.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.policy.registry import POLICIES
from mnist_etc.service.problems import Problem

__all__ = ["FOLDER", "router"]

FOLDER = Path(__file__).parent / "static"
TYPES = {
    "": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
GZIPPED = ".gz"
"""Suffix of a file that is kept, and sent, compressed; its address has none."""
FACTS = 'data-facts=""'
"""In the page: where it is told what the service does before a model reads."""
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    """One file of the page."""

    content: bytes
    media_type: str
    gzipped: bool
    etag: str


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> HTMLResponse:
    """The page itself."""
    config = request.app.state.config
    facts = {
        "portable": config.prepare is Prepare.auto and config.polarity is Polarity.auto,
        "policies": {
            name: {"logits": row.tells_logits, "probability": row.tells_probability}
            for name in POLICIES
            for row in (POLICIES[name],)
        },
    }
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    told = text.replace(FACTS, f'data-facts="{html.escape(json.dumps(facts))}"')
    return HTMLResponse(told, headers={"Cache-Control": "no-cache"})


@router.api_route("/static/{place:path}", methods=["GET", "HEAD"])
async def static(place: str, request: Request) -> Response:
    """A file of the page, by its path among `files` and no other."""
    file = files().get(place)
    if file is None:
        raise Problem("not-found", f"Expected a file of the page; received {place[:128]!r}.")
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    if not file.gzipped:
        return Response(file.content, headers=headers, media_type=file.media_type)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(file.content), headers=headers, media_type=file.media_type)
    return Response(file.content, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)


@cache
def files() -> dict[str, StaticFile]:
    """Every file of the page but ``index.html``, by its path below ``/static/``."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.name != "index.html":
            gzipped, content = path.suffix == GZIPPED, path.read_bytes()
            shown = path.with_suffix("") if gzipped else path
            found[shown.relative_to(FOLDER).as_posix()] = StaticFile(
                content=content,
                media_type=TYPES[shown.suffix],
                gzipped=gzipped,
                etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            )
    return found
