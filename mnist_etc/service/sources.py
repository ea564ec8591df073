"""Where the model in service comes from: the repository, a Triton server, or the network of the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mnist_etc import pretrained
from mnist_etc.errors import ArtifactError, MnistEtcError
from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import ModelRepository
from mnist_etc.files import read_limited
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.model import ServedModel, load_graph
from mnist_etc.service.source import ModelSource

__all__ = ["PRETRAINED", "ModelSource", "Published", "load_pretrained", "open_source"]

PRETRAINED = "pretrained"
LIMIT = 2**30
"""Bytes of a graph."""
MANIFEST_LIMIT = 2**22
Seen = tuple[tuple[int, int, int], ...]


class Published(ModelSource):
    """The version in service in a repository; without one the network of the package.

    Args:
        root: Triton's model repository.
    """

    def __init__(self, root: Path) -> None:
        self._repository = ModelRepository(root)
        self._config: tuple[Seen, int | None] | None = None

    def seen(self) -> Seen:
        """Of ``config.pbtxt`` and of the files of the version that it names: inode, time and size."""
        version = self._version()
        if version is None:
            return ()
        folder = self._repository.model / str(version)
        return _stats(self._repository.config, folder / "model.onnx", folder / "manifest.json")

    def load(self) -> ServedModel:
        """The version in service; see `ModelSource.load`."""
        self._config = None
        version = self._version()
        if version is None:
            return load_pretrained()
        folder = self._repository.model / str(version)
        content = read_limited(folder / "model.onnx", LIMIT)
        manifest = read_manifest(folder / "manifest.json")
        return load_graph(content, manifest, name=MODEL, version=version, place=str(folder / "model.onnx"))

    def _version(self) -> int | None:
        """Of the configuration, which is parsed only where it is another."""
        seen = _stats(self._repository.config, self._repository.model)
        if self._config is None or self._config[0] != seen:
            self._config = seen, self._repository.in_service() if self._repository.config.is_file() else None
        return self._config[1]


def load_pretrained() -> ServedModel:
    """The network that comes with the package, behind the policy ``levels``.

    Raises:
        ArtifactError: It is missing or altered.
    """
    path = pretrained.FOLDER / pretrained.SERVED
    manifest = read_manifest(pretrained.FOLDER / pretrained.SERVED_MANIFEST)
    try:
        content = read_limited(path, LIMIT)
        return load_graph(content, manifest, name=PRETRAINED, version=0, place=str(path))
    except ArtifactError as error:
        raise ArtifactError(f"Expected {path} of this package; received: {error} Install it again.") from error


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest; empty where it is none."""
    try:
        return dict(json.loads(read_limited(path, MANIFEST_LIMIT)))
    except (MnistEtcError, ValueError, TypeError, RecursionError):
        return {}


def open_source(config: ServiceConfig) -> ModelSource:
    """The source that a configuration names.

    Raises:
        ConfigError: ``service.server`` is not host:port.
    """
    root = Path(config.repository)
    if config.server is None:
        return Published(root)
    from mnist_etc.service.triton import TritonSource

    return TritonSource(config.server, config.protocol, root)


def _stats(*paths: Path) -> Seen:
    found = []
    for path in paths:
        try:
            stat = path.stat()
            found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)
