"""The service in a thread of the tests, in front of the package's network, with a stand-in for the attack."""

from __future__ import annotations

import base64
import dataclasses
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import uvicorn
import yaml
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from PIL import Image
from support import ROOT

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.prepare import prepare
from mnist_etc.service.app import create_app
from mnist_etc.service.config import ServiceConfig
from mnist_etc.serving.protocol import WireProtocol

__all__ = ["Served", "configured", "data_url", "from_data_url", "serve"]


@dataclasses.dataclass
class Served:
    """A service that answers."""

    url: str
    bodies: list[bytes] = dataclasses.field(default_factory=list)
    """Of each request that carried one, as they came."""


def configured(**changes: object) -> ServiceConfig:
    """``conf/service.yaml`` with changes; no published model and no keys unless they name some."""
    values = yaml.safe_load((ROOT / "conf/service.yaml").read_text())["service"]
    values |= {"repository": "no_such_repository", "keys": None, "rate": None, **changes}
    for key, kind in (("prepare", Prepare), ("polarity", Polarity), ("protocol", WireProtocol)):
        values[key] = kind[str(values[key])] if isinstance(values[key], str) else values[key]
    return ServiceConfig(**values)


@contextmanager
def serve(config: ServiceConfig, *, attack: bool = True) -> Iterator[Served]:
    """Answer on a free port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    app = create_app(config)
    if attack:
        app.include_router(stand_in())

    async def watched(scope, receive, send):  # type: ignore[no-untyped-def]
        async def heard():  # type: ignore[no-untyped-def]
            message = await receive()
            served.bodies += [message["body"]] if message.get("body") else []
            return message

        await app(scope, heard, send)

    server = uvicorn.Server(uvicorn.Config(watched, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield served
    server.should_exit = True
    thread.join()


def stand_in() -> APIRouter:
    """``/v1/reconstruct`` as its form is agreed on, with pictures that are more and more blurred."""
    router = APIRouter()

    @router.post("/v1/reconstruct")
    async def reconstruct(request: Request) -> dict[str, object]:
        picture = np.asarray(Image.open(io.BytesIO(await request.body())).convert("L"))
        prepared = prepare(picture, Prepare.auto)
        image = prepared.images[prepared.main]
        told = [("logits", "-3.1 0.4 21.7 …", 1.2, 0.004), ("probabilities", "0.02 0.97 …", 2.0, 0.015)]
        told += [("levels:2", "3, 99.9 %", 4.5, 0.041), ("label", "3", 6.0, 0.044)]
        return {
            "image": data_url(image),
            "policies": [
                {"policy": policy, "answer": answer, "rebuilt": data_url(_blur(image, sigma)), "error": error}
                | {"baseline": 0.044}
                for policy, answer, sigma, error in told
            ],
        }

    return router


def _blur(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image.astype(float), sigma).clip(0, 255), np.uint8)


def data_url(image: NDArray[np.uint8]) -> str:
    """A gray image as the address of a PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def from_data_url(address: str) -> NDArray[np.uint8]:
    """The gray image in such an address."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("L"))
