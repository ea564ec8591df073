"""The schema of ``conf/mlflow.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.schema import between, path, text

__all__ = ["MlflowCommand"]


@dataclass(kw_only=True)
class MlflowCommand:
    """The keys of ``python -m mnist_etc.serving.mlflow``, which serves a registered model until it is stopped."""

    model_uri: str = text()
    """The model as MLflow names it, ``models:/<name>@<alias>`` or ``models:/<name>/<version>``."""
    tracking_uri: str = text()
    """The store with the registry of models."""
    repository: str = path()
    """Triton's model repository: what is served may tell no more than the version in service there."""
    address: str = text()
    """The address to listen on; 127.0.0.1 is reached from this machine alone."""
    port: int = between(1, 65_535)
