"""The schema of ``conf/copy.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.schema import path

__all__ = ["CopyCommand"]


@dataclass(kw_only=True)
class CopyCommand:
    """The keys of ``python -m mnist_etc copy``: from one folder into another, either of which may be in a bucket."""

    source: str = path()
    """A folder here, or one that fsspec knows: ``s3://bucket/folder``, ``gs://...``, ``az://...``."""
    target: str = path()
    """Likewise. What lies there besides is left alone."""
