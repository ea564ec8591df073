"""The manifest beside a trained model: what it is, what it was made from, and a checksum of itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.data_key import HMAC, SHA256
from mnist_etc.data.dataset import DIGITS, SIDE
from mnist_etc.errors import ArtifactError
from mnist_etc.files import read_limited

__all__ = ["classes", "differences", "encode", "flat", "read", "versions"]

LIMIT = 2**20
PACKAGES = ("mnist-etc", "numpy", "tensorflow", "keras", "scikit-learn", "tf2onnx", "onnx", "onnxruntime")
DEFAULTS = {"data.side": SIDE}
"""What a manifest that leaves the key out was trained with."""
KEYS = {"files", "configuration", "sources", "versions", "metrics", "epsilon"}


def encode(
    *,
    files: Mapping[str, str],
    settings: Mapping[str, Any],
    dataset: Mapping[str, str],
    sources: Mapping[str, str],
    metrics: Mapping[str, float],
    privacy: Mapping[str, Any],
    classes: Sequence[str] = DIGITS,
) -> bytes:
    """The manifest as JSON.

    Args:
        files: sha256 by file name.
        settings: the configuration that decided the weights.
        dataset: which data it was trained on, see `mnist_etc.artifacts.data_key.named`.
        sources: sha256 of each file the training started from, by name.
        metrics: figures measured on the model.
        privacy: the guarantee for the training images; its epsilon, None where there is none, stands at the top.
        classes: their names, in the order of their numbers.
    """
    content = {
        "files": dict(files),
        "configuration": dict(settings),
        "configuration_sha256": _digest(settings),
        **dataset,
        "sources": dict(sources),
        "versions": versions(),
        "metrics": dict(metrics),
        "classes": list(classes),
        "epsilon": privacy["epsilon"],
        "privacy": dict(privacy),
    }
    return (json.dumps(content | {"manifest_sha256": _digest(content)}, indent=2) + "\n").encode()


def read(path: Path, remedy: Callable[[], str]) -> dict[str, Any]:
    """The manifest in ``path``, once its checksum agrees with its content.

    Raises:
        ArtifactError: there is none, or it is truncated or altered; names the command that ``remedy`` gives.
    """
    if not path.is_file():
        raise ArtifactError(f"Expected {path}; received no such file. Make it: {remedy()}")
    try:
        content = dict(json.loads(read_limited(path, LIMIT)))
        intact = content.pop("manifest_sha256") == _digest(content) and content.keys() >= KEYS
        intact = intact and not content.keys().isdisjoint((SHA256, HMAC))
    except (ValueError, KeyError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise ArtifactError(
            f"Expected {path} as it was written; received a truncated or altered file. "
            f"Make it again: {remedy()} force=true"
        )
    return content


def classes(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the model's classes in the order of their numbers; a manifest of before they had any: digits."""
    return tuple(manifest.get("classes", DIGITS))


def differences(manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Both sides of every setting that differs, as one phrase; empty where none does."""
    there, asked = flat(manifest["configuration"]), flat(settings)
    both = [(key, *(side.get(key, DEFAULTS.get(key)) for side in (there, asked))) for key in asked | there]
    return "; ".join(f"{key}={old} there, {new} asked for" for key, old, new in both if old != new)


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with the keys that a command line takes: ``autoencoder.hid_dim``."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return values


def versions() -> dict[str, str]:
    """Of Python and the packages that decide what a training draws and computes."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
