"""What a request is refused with: RFC 9457's problems, one table of them, each a line of the page /docs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mnist_etc.registry import Registry

__all__ = ["MEDIA_TYPE", "PROBLEMS", "Problem", "ProblemRow", "body", "of_status"]

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class ProblemRow:
    """A row of `PROBLEMS`: a kind of problem, which a client can tell by its ``type``, ``/docs#<name>``."""

    status: HTTPStatus
    title: str
    """The same whenever it occurs."""


PROBLEMS: Registry[ProblemRow] = Registry("problem")
for _name, _status, _title in (
    ("bad-request", HTTPStatus.BAD_REQUEST, "The request is not well-formed"),
    ("no-key", HTTPStatus.UNAUTHORIZED, "A valid API key is required"),
    ("foreign-origin", HTTPStatus.FORBIDDEN, "A page of another origin may not ask"),
    ("foreign-host", HTTPStatus.FORBIDDEN, "The service does not answer for this host name"),
    ("not-found", HTTPStatus.NOT_FOUND, "There is nothing at this path"),
    ("method", HTTPStatus.METHOD_NOT_ALLOWED, "This method is not allowed here"),
    ("slow-body", HTTPStatus.REQUEST_TIMEOUT, "The body took too long to arrive"),
    ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body, a picture or the number of images is too large"),
    ("not-an-image", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is of no kind that is read"),
    ("unreadable", HTTPStatus.UNPROCESSABLE_ENTITY, "The content cannot be read"),
    ("too-fast", HTTPStatus.TOO_MANY_REQUESTS, "The sender's rate is spent"),
    ("busy", HTTPStatus.TOO_MANY_REQUESTS, "The queue is full"),
    ("told-enough", HTTPStatus.TOO_MANY_REQUESTS, "Enough was told about such an image"),
    ("failed", HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed"),
    ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The service cannot answer now"),
):
    PROBLEMS.add(_name, ProblemRow(status=_status, title=_title))


class Problem(Exception):  # noqa: N818 -- an answer, not a failure of the program
    """A refusal of one request.

    Args:
        name: Its row of `PROBLEMS`.
        detail: A sentence about this occurrence.
        headers: Of the response, besides.
        more: Members of the JSON object, besides.
    """

    def __init__(self, name: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.name, self.detail, self.headers, self.more = name, detail, dict(headers or {}), more

    @property
    def status(self) -> int:
        """Of the response."""
        return int(PROBLEMS[self.name].status)

    @property
    def content(self) -> bytes:
        """Of the response."""
        return body(self.name, self.detail, **self.more)


def body(name: str, detail: str, **more: Any) -> bytes:
    """The JSON of a problem."""
    row = PROBLEMS[name]
    about = {"type": f"/docs#{name}", "title": row.title, "status": int(row.status), "detail": detail}
    return json.dumps(about | more).encode()


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem that a framework's own refusal with ``status`` stands for."""
    for name in PROBLEMS:
        if PROBLEMS[name].status == status:
            return Problem(name, detail, headers=headers)
    return Problem("bad-request" if status < 500 else "failed", detail, headers=headers)
