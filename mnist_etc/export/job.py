"""The job of ``python -m mnist_etc.export``: publish a version in Triton's model repository, roll back, prune."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.export.config import MODEL, ExportCommand
from mnist_etc.export.repository import ModelRepository

__all__ = ["export"]


def export(command: ExportCommand) -> None:
    """Publish a trained model or a release, roll back or prune, and print what is in service."""
    repository = ModelRepository(Path(command.repository))
    if command.rollback:
        version = repository.rollback()
        print(f"{MODEL}: version {version} is in service again; versions {_listed(repository)}")
    elif command.prune is not None:
        removed = repository.prune(command.prune)
        print(f"{MODEL}: removed {', '.join(map(str, removed)) or 'none'}; versions {_listed(repository)}")
        if kept := [one for one in repository.versions()[: -command.prune] if one != repository.in_service()]:
            print(f"kept {', '.join(map(str, kept))}: there is more in these folders than export wrote")
    elif command.from_:
        from mnist_etc.export.released import take

        take(command.from_, repository)
    else:
        from mnist_etc.export.publication import publish

        publish(command, repository)


def _listed(repository: ModelRepository) -> str:
    service = repository.in_service()
    return ", ".join(f"{version}{' (in service)' * (version == service)}" for version in repository.versions())
