"""``POST /v1/reconstruct``: what each output policy's answer about an image would give away, shown to its sender.

The attacks start from the model's answers before its own policy, so what comes back tells more than that policy lets
through: of the image nothing that its sender has not, but whoever else reads the response gets all of it. Nothing is
kept, counted or cached.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter

from mnist_etc import pretrained
from mnist_etc.attack.live import FILE, LiveAttack
from mnist_etc.data.inputs import EMPTY
from mnist_etc.errors import MnistEtcError
from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import ModelRepository
from mnist_etc.service.answers import as_png
from mnist_etc.service.classify import BODY
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.forms import check_type, files_of
from mnist_etc.service.model import ServedModel
from mnist_etc.service.problems import Problem
from mnist_etc.service.reading import prepare, read_file
from mnist_etc.service.refusals import refusals

__all__ = ["Attacks", "PolicyRow", "Reconstruction", "router"]

WHITE = 255
AT_ONCE = 32
"""Requests that may wait for their images."""


class PolicyRow(BaseModel):
    """One policy's answer, and what the strongest attack rebuilds from it."""

    policy: str
    answer: str
    """In short: the greatest numbers that it tells, and how many more there are."""
    leakage_bits: float
    """That such an answer tells of an image at most."""
    attack: str
    rebuilt: str
    """The image, a PNG in a data: URL."""
    error: float
    """Mean squared error of a pixel on [0, 1]."""
    baseline: float
    """That of the mean image of the class, which whoever knows the label alone has."""


class Reconstruction(BaseModel):
    """An image, and what answers about it give away."""

    image: str
    """As the model saw it, a PNG in a data: URL."""
    policies: list[PolicyRow]


ADAPTER = TypeAdapter(Reconstruction)
RESPONSES: dict[int | str, dict[str, Any]] = refusals(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
router = APIRouter(tags=["reconstruct"])


class Attacks:
    """The attacks that were prepared for the model in service, loaded when they are first asked for.

    Args:
        config: Of the service.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._loaded: tuple[ServedModel, tuple[int, int], LiveAttack] | None = None
        self.waiting = 0
        """Requests that are being answered."""

    def of(self, model: ServedModel) -> LiveAttack | None:
        """Those on ``model``; None where none were prepared.

        Raises:
            ArtifactError: They were fitted to another model, or are damaged.
        """
        path = self._path(model)
        try:
            stat = path.stat()
        except OSError:
            return None
        seen = stat.st_ino, stat.st_mtime_ns
        if self._loaded is not None and self._loaded[0] is model and self._loaded[1] == seen:
            return self._loaded[2]
        if model.onnx is None:
            return None
        attack = LiveAttack(path, hashlib.sha256(model.onnx).hexdigest())
        self._loaded = model, seen, attack
        return attack

    def _path(self, model: ServedModel) -> Path:
        if model.name == MODEL:
            return ModelRepository(Path(self._config.repository)).model / str(model.version) / FILE
        return pretrained.FOLDER / FILE

    def allows(self, sender: str) -> bool:
        """Whether ``sender`` may ask: who has a key where it is switched on, others unless it is switched off."""
        switched = self._config.reconstruct
        return switched if switched is not None else not sender.startswith("key:")


@router.post("/v1/reconstruct", response_model=Reconstruction, responses=RESPONSES, openapi_extra=BODY)
async def reconstruct(request: Request) -> Response:
    """Rebuild one image from the answer that each output policy would give about it, and say how far off each is."""
    state, content_type = request.app.state, request.headers.get("content-type", "")
    attacks: Attacks = state.attacks
    if not attacks.allows(request.scope.get("state", {}).get("sender", "")):
        raise Problem("not-found", "This service shows nothing of what answers give away; see service.reconstruct.")
    check_type(content_type)
    body = await state.bodies.read(request.scope, request.receive)
    attacks.waiting += 1
    try:
        if attacks.waiting > AT_ONCE:
            raise Problem("busy", f"{AT_ONCE} requests wait already. Try again.", headers={"Retry-After": "1"})
        model = state.shelf.current
        made = await asyncio.to_thread(_rebuilt, attacks, model, body, content_type, state.config)
    finally:
        attacks.waiting -= 1
        state.bodies.release(body)
    return Response(ADAPTER.dump_json(made), media_type="application/json", headers={"Cache-Control": "no-store"})


def _rebuilt(
    attacks: Attacks, model: ServedModel, body: bytes, content_type: str, config: ServiceConfig
) -> Reconstruction:
    try:
        attack = attacks.of(model)
    except MnistEtcError as error:
        raise Problem("not-found", " ".join(str(error).split())) from error
    if attack is None:
        raise Problem(
            "not-found",
            f"Expected attacks on version {model.version}; none were prepared: python -m mnist_etc.export "
            "reconstruct=true",
        )
    image = _only_image(body, content_type, model.side, config)
    rows = [
        PolicyRow(
            policy=one.policy,
            answer=one.text,
            leakage_bits=one.leakage_bits,
            attack=one.attack,
            rebuilt=as_png(np.rint(WHITE * np.clip(one.image, 0, 1)).astype(np.uint8)),
            error=one.error,
            baseline=one.baseline,
        )
        for one in attack.rebuild(image)
    ]
    return Reconstruction(image=as_png(image), policies=rows)


def _only_image(body: bytes, content_type: str, side: int, config: ServiceConfig) -> NDArray[np.uint8]:
    files = files_of(body, content_type, config.max_images)
    if len(files) > 1:
        raise Problem("unreadable", f"Expected one image; received {len(files):,} files.")
    parts = [part for name, content in files for part in read_file(content, name, side, config)]
    if (count := sum(len(part.pictures.names) for part in parts)) != 1:
        raise Problem("unreadable", f"Expected one image; received {count:,}.")
    part = next(part for part in parts if part.pictures.names)
    prepare([part])
    if part.warnings == [EMPTY]:
        raise Problem("unreadable", "Expected an image with a figure; received an empty one.")
    image: NDArray[np.uint8] = part.images[0]
    return image
