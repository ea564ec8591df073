"""Every refusal of the framework as a problem of RFC 9457."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mnist_etc.service.gate import SECURITY_HEADERS
from mnist_etc.service.problems import MEDIA_TYPE, Problem, of_status

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["install", "respond"]


def install(app: FastAPI) -> None:
    """Have ``app`` answer every refusal and failure as a problem."""
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(HTTPException, _refuse_framework)
    app.add_exception_handler(RequestValidationError, _refuse_values)
    app.add_exception_handler(Exception, _fail)


def respond(problem: Problem) -> Response:
    """The response of a problem."""
    return Response(problem.content, problem.status, problem.headers, MEDIA_TYPE)


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond(error)


async def _refuse_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] = error.headers or {}
    detail = {
        404: f"Expected a path of /docs; received {request.url.path[:128]!r}.",
        405: f"Expected {headers.get('Allow', 'another method')}; received {request.method[:32]}.",
    }.get(error.status_code, str(error.detail))
    return respond(of_status(error.status_code, detail, headers))


async def _refuse_values(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"at": ".".join(map(str, one["loc"])), "detail": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['at']}: {one['detail']}" for one in errors)
    return respond(Problem("unreadable", f"Expected other values; received: {detail}.", errors=errors))


async def _fail(_: Request, error: Exception) -> Response:
    print(f"failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    response = respond(Problem("failed", "The request could not be answered. The service says why on standard error."))
    for name, value in SECURITY_HEADERS:  # such an answer is made outside of the gate
        response.headers[name.decode()] = value.decode()
    return response
