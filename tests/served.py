"""A service without a training: the packaged network behind any policy, a repository, a server in a thread."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from support import writer

from mnist_etc import pretrained
from mnist_etc.composition import compose
from mnist_etc.data.config import Prepare
from mnist_etc.data.prepare import prepare
from mnist_etc.export.config import ExportCommand, InputType
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.policy.graph import append_policy
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.specification import parse_policy
from mnist_etc.service.config import ServiceCommand, ServiceConfig

HOME = "http://localhost"


def service_config(folder: Path, *words: str) -> ServiceConfig:
    """As the command line makes it, with the repository, the keys and the counts in ``folder``."""
    own = [f"service.repository={folder / 'models'}", f"service.keys={folder / 'keys.json'}", "service.port=0"]
    own.append(f"service.counts={folder / 'counts.json'}")
    return compose("service", ServiceCommand, [*own, "service.rate=null", *words]).service


@cache
def digit(number: int = 1) -> NDArray[np.uint8]:
    """A digit as MNIST has it, uint8 (28, 28): a bar, a ring or a hook."""
    image = Image.new("L", (140, 140))
    draw = ImageDraw.Draw(image)
    match number:
        case 0:
            draw.ellipse((40, 20, 100, 115), outline=255, width=12)
        case 1:
            draw.line((70, 20, 70, 115), fill=255, width=14)
        case 7:
            draw.line([(35, 25), (100, 25), (60, 115)], fill=255, width=13)
    return np.asarray(prepare(np.asarray(image), Prepare.mnist).images[0])


def encoded(image: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


@cache
def graph_of(policy: str) -> tuple[bytes, dict[str, Any]]:
    """The packaged network behind a policy, and what a manifest says of it."""
    graph = build_serving_graph(onnx.load(pretrained.FOLDER / pretrained.NETWORK), InputType.uint8)
    logits = np.random.default_rng(0).normal(0, 5, (400, 10)).astype(np.float32)
    fitted = fit_policy(parse_policy(policy), logits, logits.argmax(axis=1).astype(np.int64))
    content = append_policy(graph, fitted).SerializeToString(deterministic=True)
    return content, {"classes": [*"0123456789"], "policy": fitted.about(), "validation_accuracy": 0.9928}


def publish(folder: Path, policy: str) -> int:
    """Publish the packaged network behind a policy in ``folder``'s repository, as the export does."""
    content, about = graph_of(policy)
    command = compose("export", ExportCommand, ["input_type=uint8"])
    config = ModelConfig(triton=command.triton, input_type=InputType.uint8, policy=policy.partition(":")[0], version=0)
    repository = ModelRepository(folder / "models")
    return repository.publish(writer(content), config, about)


@dataclass(frozen=True)
class Served:
    """A server in a thread of this process."""

    url: str
    port: int
    app: Any

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


Serve = Callable[..., Served]
"""The `serve` fixture."""


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)
