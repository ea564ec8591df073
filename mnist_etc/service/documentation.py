"""``/docs``: a page made of the OpenAPI and of the table of problems, without script, style or font of anybody else."""

from __future__ import annotations

import html
import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from mnist_etc.service.problems import PROBLEMS

__all__ = ["DESCRIPTION", "router"]

DESCRIPTION = (
    "Classifies images by the published model. An answer tells what the model's output policy lets it tell: "
    "`leakage_bits` bounds what anybody can learn from it about the image."
)
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 6px; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
section { border-top: 1px solid #8886; margin-top: 1.5rem; }
"""
EXAMPLES = """\
curl --data-binary @three.png -H 'Content-Type: image/png' {base}/v1/classify
curl -F file=@three.png -F file=@photo.jpg '{base}/v1/classify?explain=true'"""
router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def documentation(request: Request) -> HTMLResponse:
    """The page."""
    text = _page(request.app.openapi(), str(request.base_url).rstrip("/"))
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def _page(api: dict[str, Any], base: str) -> str:
    operations = [(path, method, one) for path, several in api["paths"].items() for method, one in several.items()]
    parts = [
        f"<h1>{html.escape(api['info']['title'])}</h1><p>{_text(api['info']['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">/openapi.json</a></p>',
        "<h2>Try it</h2>",
        f"<pre>{html.escape(EXAMPLES.format(base=base))}</pre>",
        *(_operation(*one) for one in operations),
        '<section><h2 id="problems">Problems</h2><p>Each refusal is JSON as RFC 9457 has it.</p>',
        "<table><tr><th>type</th><th>status</th><th>title</th></tr>",
        *(
            f'<tr id="{name}"><td><code>/docs#{name}</code></td><td>{PROBLEMS[name].status:d}</td>'
            f"<td>{html.escape(PROBLEMS[name].title)}</td></tr>"
            for name in PROBLEMS
        ),
        "</table></section>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>mnist_etc API</title></head><body>{"".join(parts)}</body>'
    )


def _text(words: str) -> str:
    """Of OpenAPI's Markdown what is used here, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _operation(path: str, method: str, one: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{html.escape(each['name'])}</code>: {_text(each.get('description', ''))}</li>"
        for each in one.get("parameters", ())
    )
    body = _text(one.get("requestBody", {}).get("description", ""))
    answers = "".join(
        f"<tr><td>{status}</td><td>{html.escape(each.get('description', ''))}</td></tr>"
        for status, each in one["responses"].items()
    )
    return (
        f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2>"
        f"<p>{_text(one.get('description', ''))}</p>"
        f"{f'<ul>{parameters}</ul>' if parameters else ''}{f'<p>Body: {body}</p>' if body else ''}"
        f"<table>{answers}</table></section>"
    )
