"""Triton's model repository: a version appears by one rename, and goes into service by another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from mnist_etc.attack.live import FILE as ATTACK
from mnist_etc.errors import ArtifactError
from mnist_etc.export.config import MODEL, TritonConfig, VersionPolicy
from mnist_etc.export.model_config import LABELS, ModelConfig, decode, encode
from mnist_etc.files import exclusive, read_limited, scratch, sha256, sync, sync_folder, write_bytes

__all__ = ["ModelRepository"]

LIMIT = 2**20
WRITTEN = {"model.onnx", "config.pbtxt", LABELS, "manifest.json", ATTACK}
"""Into the folder of a version."""
COMMAND = "python -m mnist_etc.export"
KEY = "repository"
"""Of the configuration, which chooses the folder."""


class ModelRepository:
    """The folder ``<root>/onnx-mnist_etc``: ``config.pbtxt``, and a folder for each version.

    A version is ``<version>/{model.onnx,config.pbtxt,labels.txt,manifest.json}``, with ``attack.onnx`` where somebody
    asked for it. Its own ``config.pbtxt`` is what the model's becomes when that version goes into service.

    Args:
        root: Triton's model repository; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.model = root / MODEL
        self._beside, self._lock = root.parent, root.parent / f".{root.name}.lock"  # Triton reloads for any file inside

    @property
    def config(self) -> Path:
        """The ``config.pbtxt`` that Triton reads."""
        return self.model / "config.pbtxt"

    def versions(self) -> list[int]:
        """All published versions, least first."""
        if not self.model.is_dir():
            return []
        return sorted(int(path.name) for path in self.model.iterdir() if path.is_dir() and path.name.isdecimal())

    def in_service(self) -> int | None:
        """The version that a server starts with, or None where there is none.

        Raises:
            ArtifactError: What ``config.pbtxt`` puts into service is not there.
        """
        if not self.config.is_file():
            return None
        config, versions = _read(self.config), self.versions()
        match config.triton.version_policy:
            case VersionPolicy.specific:
                version = config.version
            case VersionPolicy.latest | VersionPolicy.all:
                version = max(versions, default=config.version)
            case _:
                assert_never(config.triton.version_policy)
        if version not in versions:
            raise ArtifactError(
                f"Expected {self.model / str(version)}, which {self.config} puts into service; received no such "
                f"folder. Put it back, or publish again: {COMMAND} repository={self.model.parent} ..."
            )
        return version

    def settings(self) -> TritonConfig | None:
        """Those that the version in service is served with; None where there is none.

        Raises:
            ArtifactError: What ``config.pbtxt`` puts into service is not there.
            ExportError: It is none that this project wrote.
        """
        return None if self.in_service() is None else _read(self.config).triton

    def check(self) -> None:
        """Refuse, long before there is a version to publish, a folder that none can be published into.

        Raises:
            ArtifactError: It cannot be written, or what ``config.pbtxt`` puts into service is not there.
        """
        for folder in (self.model, self._beside):
            there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
            if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
                raise ArtifactError(
                    f"Expected a folder to publish into, {self.model}; received {there}, which cannot be written into. "
                    f"Pass {KEY}=<a folder you can write>, or publish nothing: skip_export=true"
                )
        self.in_service()

    def manifest(self, version: int) -> dict[str, Any]:
        """The manifest that was written when ``version`` was published; empty where there is none."""
        with suppress(ArtifactError, ValueError, TypeError):
            return dict(json.loads(read_limited(self.model / str(version) / "manifest.json", LIMIT)))
        return {}

    def publish(self, write: Callable[[Path], None], config: ModelConfig, about: Mapping[str, Any]) -> int:
        """Put a new version into service, or the newest again where it is the same to the byte.

        Args:
            write: Writes the model to the path it is given, and raises where the model fails its checks.
            config: The configuration to serve it with; its version is set here.
            about: What to state in the version's manifest.

        Returns:
            The version in service.

        Raises:
            ArtifactError: The version cannot be written; the one in service stays.
            BusyError: Another export is at work.
        """
        with exclusive(self._lock, key=KEY):
            version = max(self.versions(), default=0) + 1
            try:
                self.model.mkdir(parents=True, exist_ok=True)
                with scratch(self._beside) as folder:
                    write(folder / "model.onnx")
                    text = encode(replace(config, version=version)).encode()
                    content = {**about, "model_sha256": sha256(folder / "model.onnx")}
                    if version > 1 and self._same(version - 1, content, config):
                        version -= 1
                    else:
                        (folder / "config.pbtxt").write_bytes(text)
                        (folder / LABELS).write_text(config.labels, encoding="utf-8")
                        (folder / "manifest.json").write_text(json.dumps(content, indent=2) + "\n")
                        for path in folder.iterdir():
                            path.chmod(0o644)  # a container's user reads it too
                            sync(path)
                        for path in (folder, self.model):
                            path.chmod(0o755)
                        folder.replace(self.model / str(version))
                        sync_folder(self.model)
            except OSError as error:
                raise ArtifactError(
                    f"Expected to write a version into {self.model}; received: {error}. Free disk space or pass "
                    f"{KEY}=<a folder you can write>; the version in service stays."
                ) from error
            finally:
                with suppress(OSError):
                    self.model.rmdir()  # empty, where nothing was ever published
            self._serve(version)
        return version

    def add_attack(self, version: int, content: bytes) -> None:
        """Put ``attack.onnx`` beside a version that was there before without it, or with another.

        Raises:
            ArtifactError: it cannot be written.
        """
        path = self.model / str(version) / ATTACK
        if not path.is_file() or path.read_bytes() != content:
            write_bytes(path, content, 0o644, key=KEY)

    def rollback(self) -> int:
        """Put the version before the one in service into service.

        Returns:
            The version in service.

        Raises:
            ArtifactError: There is none before it.
            BusyError: Another export is at work.
        """
        with exclusive(self._lock, key=KEY):
            current = self.in_service()
            before = [version for version in self.versions() if current is not None and version < current]
            if not before:
                raise ArtifactError(
                    f"Expected a version before {current} in {self.model}; received {self.versions()}. "
                    f"Publish another: {COMMAND} repository={self.model.parent} ..."
                )
            self._serve(before[-1])
        return before[-1]

    def prune(self, keep: int) -> list[int]:
        """Remove all published versions but the newest ``keep`` and the one in service.

        A folder that holds anything else than `publish` wrote is left as it is.

        Returns:
            The removed versions, least first.

        Raises:
            ArtifactError: A version cannot be removed.
            BusyError: Another export is at work.
        """
        with exclusive(self._lock, key=KEY):
            old = [version for version in self.versions()[:-keep] if version != self.in_service()]
            removed = [version for version in old if self._published(version)]
            try:
                with scratch(self._beside) as gone:
                    for version in removed:
                        (self.model / str(version)).replace(gone / str(version))
            except OSError as error:
                raise ArtifactError(
                    f"Expected to remove versions {removed} of {self.model}; received: {error}. Try again."
                ) from error
        return removed

    def _published(self, version: int) -> bool:
        """Whether the folder holds what `publish` writes and nothing else."""
        inside = {path.name for path in (self.model / str(version)).iterdir()}
        return "model_sha256" in self.manifest(version) and inside <= WRITTEN

    def _serve(self, version: int) -> None:
        path = self.model / str(version) / "config.pbtxt"
        if not path.is_file():
            raise ArtifactError(
                f"Expected {path}; received no such file: version {version} was not published by {COMMAND}. Remove it."
            )
        config = _read(path)
        if version < max(self.versions()):
            triton = replace(config.triton, version_policy=VersionPolicy.specific)
            config = replace(config, triton=triton, version=version)
        write_bytes(self.config, encode(config).encode(), key=KEY)

    def _same(self, version: int, content: Mapping[str, Any], config: ModelConfig) -> bool:
        path = self.model / str(version) / "config.pbtxt"
        if not path.is_file() or self.manifest(version) != content:
            return False
        return path.read_text() == encode(replace(config, version=version))


def _read(path: Path) -> ModelConfig:
    return decode(read_limited(path, LIMIT).decode("utf-8", "replace"))
