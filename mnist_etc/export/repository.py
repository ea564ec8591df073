"""Triton's model repository: a version appears by one rename, and goes into service by another."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_etc.errors import ArtifactError
from mnist_etc.export.config import MODEL, VersionPolicy
from mnist_etc.export.model_config import ModelConfig, decode, encode
from mnist_etc.files import exclusive, read_limited, scratch, sha256, sync, sync_folder, write_bytes

__all__ = ["ModelRepository"]

LIMIT = 2**20
COMMAND = "python -m mnist_etc.export"
KEY = "repository"
"""Of the configuration, which chooses the folder."""


class ModelRepository:
    """``<root>/onnx-mnist_etc/{config.pbtxt,<version>/{model.onnx,config.pbtxt,manifest.json}}``.

    A version's own ``config.pbtxt`` is what the model's becomes when that version goes into service.
    """

    def __init__(self, root: Path) -> None:
        self.model = root / MODEL
        self._beside, self._lock = root.parent, root.parent / f".{root.name}.lock"  # Triton reloads for any file inside

    @property
    def config(self) -> Path:
        """What Triton reads."""
        return self.model / "config.pbtxt"

    def versions(self) -> list[int]:
        """All that lie there, least first."""
        if not self.model.is_dir():
            return []
        return sorted(int(path.name) for path in self.model.iterdir() if path.is_dir() and path.name.isdecimal())

    def in_service(self) -> int | None:
        """The version that a server starts with; None: there is none.

        Raises:
            ArtifactError: what ``config.pbtxt`` puts into service is not there.
        """
        if not self.config.is_file():
            return None
        config, versions = decode(read_limited(self.config, LIMIT).decode("utf-8", "replace")), self.versions()
        if config.triton.version_policy is not VersionPolicy.specific:
            config = replace(config, version=max(versions, default=config.version))
        if config.version not in versions:
            raise ArtifactError(
                f"Expected {self.model / str(config.version)}, which {self.config} puts into service; received no such "
                f"folder. Put it back, or publish again: {COMMAND} repository={self.model.parent} ..."
            )
        return config.version

    def manifest(self, version: int) -> dict[str, Any]:
        """What was written about a version when it was published; empty where nothing is known."""
        with suppress(OSError, ValueError):
            return dict(json.loads(read_limited(self.model / str(version) / "manifest.json", LIMIT)))
        return {}

    def publish(self, write: Callable[[Path], None], config: ModelConfig, about: Mapping[str, Any]) -> int:
        """Put a new version into service, or the newest again where it is the same to the byte.

        Args:
            write: writes the model to the path it is given and raises where it fails its checks.
            config: its version is set here.
            about: stated in the version's manifest.

        Returns:
            The version.

        Raises:
            ArtifactError: it cannot be written; the version in service stays.
            BusyError: another export is at work.
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
            self._serve(version)
        return version

    def rollback(self) -> int:
        """Put the version before the one in service into service.

        Returns:
            The version.

        Raises:
            ArtifactError: there is none before it.
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
        """Remove all published versions but the newest ``keep`` and the one in service; return the removed.

        A folder that holds anything else than `publish` wrote is left as it is.

        Raises:
            ArtifactError: one cannot be removed.
            BusyError: another export is at work.
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
        return "model_sha256" in self.manifest(version) and inside <= {"model.onnx", "config.pbtxt", "manifest.json"}

    def _serve(self, version: int) -> None:
        path = self.model / str(version) / "config.pbtxt"
        if not path.is_file():
            raise ArtifactError(
                f"Expected {path}; received no such file: version {version} was not published by {COMMAND}. Remove it."
            )
        config = decode(read_limited(path, LIMIT).decode("utf-8", "replace"))
        triton = (
            replace(config.triton, version_policy=VersionPolicy.specific) if version < max(self.versions()) else None
        )
        text = encode(replace(config, triton=triton, version=version)) if triton else encode(config)
        write_bytes(self.config, text.encode(), key=KEY)

    def _same(self, version: int, content: Mapping[str, Any], config: ModelConfig) -> bool:
        path = self.model / str(version) / "config.pbtxt"
        if not path.is_file() or self.manifest(version) != content:
            return False
        return path.read_text() == encode(replace(config, version=version))
