"""How OpenAPI is told of problems."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mnist_etc.service.problems import MEDIA_TYPE, PROBLEMS

__all__ = ["ProblemBody", "refusals"]


class ProblemBody(BaseModel):
    """A problem as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of these statuses, each with an example of each of its problems."""
    return {status: _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    rows = {name: PROBLEMS[name] for name in PROBLEMS if PROBLEMS[name].status == status}
    examples = {
        name: {
            "summary": row.title,
            "value": {"type": f"/docs#{name}", "title": row.title, "status": status, "detail": "..."},
        }
        for name, row in rows.items()
    }
    schema = ProblemBody.model_json_schema()
    titles = ", or: ".join(row.title for row in rows.values())
    return {"description": titles, "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}}}
