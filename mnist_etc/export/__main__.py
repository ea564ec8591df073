"""Publish a trained full model for Triton: ``python -m mnist_etc.export [key=value ...]``."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.command import run
from mnist_etc.serving.config import MODEL, ExportCommand
from mnist_etc.serving.repository import ModelRepository

__all__ = ["main"]


def _job(command: ExportCommand) -> None:
    repository = ModelRepository(Path(command.repository))
    if command.rollback:
        version = repository.rollback()
        print(f"{MODEL}: version {version} is in service again; versions {_listed(repository)}")
    elif command.prune is not None:
        removed = repository.prune(command.prune)
        print(f"{MODEL}: removed {', '.join(map(str, removed)) or 'none'}; versions {_listed(repository)}")
        if kept := [one for one in repository.versions()[: -command.prune] if one != repository.in_service()]:
            print(f"kept {', '.join(map(str, kept))}: there is more in these folders than export wrote")
    else:
        from mnist_etc.export.publication import publish

        publish(command, repository)


def _listed(repository: ModelRepository) -> str:
    service = repository.in_service()
    return ", ".join(f"{version}{' (in service)' * (version == service)}" for version in repository.versions())


def main() -> None:
    """Console command."""
    run("export", ExportCommand, _job)


if __name__ == "__main__":
    main()
