"""Millions of images: answered part by part into a folder of Parquet shards, so that a killed run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnist_etc.errors import ArtifactError, ConfigError, DataError, ExitCode
from mnist_etc.files import UNFINISHED, exclusive, read_limited, sha256, write_json
from mnist_etc.inference.classification import open_source
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.engines import INFERENCE_ENGINES, STATE
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.model import SelectedModel, open_classifier, select_model
from mnist_etc.inference.shards import Shard, counts, list_shards, read_counts
from mnist_etc.inference.summary import Summary
from mnist_etc.inference.summary_file import write_summary

__all__ = ["into_shards"]

SCHEMA = "mnist_etc/shards/1"
LOCK = ".lock"
LIMIT = 2**20
DECIDE = ("prepare", "polarity", "split", "top", "input_key")
"""Keys that decide the answers, besides the model."""


def into_shards(config: InferCommand) -> int:
    """Answer ``config.input`` part by part into the folder ``config.output``; what is answered already stays.

    Returns:
        0, or `ExitCode.SOME_SKIPPED` where images were named on stderr and skipped.

    Raises:
        ArtifactError: There is no full model of this configuration, or the folder cannot be written.
        BusyError: Another process writes into the folder.
        ConfigError: The folder holds something else, or answers of another model or to another question.
        DataError: Nothing could be read, or a part is damaged.
    """
    folder, source = Path(str(config.output)), Path(str(config.input))
    _require_apart(source, folder)
    model, shards = select_model(config), list_shards(source)
    wanted = _question(config, model)
    _require_ours(folder, wanted, shards, config.force)
    names = _look(config, model)
    with exclusive(folder / LOCK, key="output"):
        _begin(folder, wanted, config.force)
        left = [shard for shard in shards if counts(folder / shard.name, shard) is None]
        if len(left) < len(shards):
            print(f"{len(shards) - len(left):,} of {len(shards):,} shards are in {folder}/ already", flush=True)
        answered = INFERENCE_ENGINES[config.engine].run(config, model, left) if left else iter(())
        for number, name in enumerate(answered, len(shards) - len(left) + 1):
            print(f"{number:,}/{len(shards):,}  {name}", flush=True)
    total, labeler = Summary(names, config.top), Labeler(names)
    for shard in shards:
        found = counts(folder / shard.name, shard)
        if found is None:
            raise ArtifactError(f"Expected {folder / shard.name} as it was written; received another. Run it again.")
        total.restore(found)
        labeler.restore(found["labels"])
    if not total.images:
        raise DataError(f"Expected at least one readable image in {config.input}; received {total.bad:,} bad ones.")
    total.show(labeler, "in the summary, summary=<file.json>")
    print(f"privacy of the training images: {model.privacy}")
    write_summary(config, model, str(config.output), total, labeler)
    print(f"{folder}/")
    return ExitCode.SOME_SKIPPED if total.bad else ExitCode.DONE


def _look(config: InferCommand, model: SelectedModel) -> Sequence[str]:
    """Refuse what is no input before anything is written, and say what its first images tell; names of the classes."""
    with open_classifier(config, model) as classifier:
        open_source(config, classifier.names)
        return classifier.names


def _question(config: InferCommand, model: SelectedModel) -> dict[str, Any]:
    """What the shards of a folder answer, and by what."""
    asked = asdict(config)
    return {
        "schema": SCHEMA,
        "model": sha256(model.onnx),
        "side": config.data.side,
        **{key: getattr(asked[key], "value", asked[key]) for key in DECIDE},
    }


def _require_apart(source: Path, folder: Path) -> None:
    """Refuse a folder that would hold what is read, or be read as a part of it."""
    here, there = source.resolve(), folder.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise ConfigError(
            f"Expected output apart from input={source}; received {folder}/, and one is within the other. "
            "Pass another folder."
        )


def _require_ours(folder: Path, wanted: dict[str, Any], shards: Sequence[Shard], force: bool) -> None:
    """Refuse a folder that holds anything but shards of this input that answer what is wanted."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"Expected a folder as output; received the file {folder}. Pass another name.")
    if force or not folder.exists():
        return
    if not (folder / STATE).is_file():
        if any(path.name != LOCK for path in folder.iterdir()):
            raise ConfigError(
                f"Expected output={folder}/ as a new or empty folder, or one of shards; received another's. Pass "
                "another name, or force=true to write into it."
            )
        return
    try:
        found = dict(json.loads(read_limited(folder / STATE, LIMIT)))
    except (ValueError, TypeError):
        found = {}
    other = [key for key, value in wanted.items() if found.get(key) != value]
    if other:
        raise ConfigError(
            f"Expected answers of the same model and keys in output={folder}/; received others, by "
            f"{', '.join(other)}. Pass another folder, or force=true to begin anew."
        )
    known = {folder / shard.name for shard in shards}
    strange = sorted(path for path in folder.rglob("*.parquet") if path not in known and not _hidden(path))
    if strange:
        raise ConfigError(
            f"Expected answers to parts of the input alone in output={folder}/; received {strange[0].name} and "
            f"{len(strange) - 1:,} more that answer none. Pass another folder, or force=true to begin anew."
        )


def _begin(folder: Path, wanted: dict[str, Any], force: bool) -> None:
    """Say in the folder what its shards answer, and remove what a killed run, or with ``force`` any, left in it."""
    for path in list(folder.rglob("*")):
        left = UNFINISHED.fullmatch(path.name) or (force and path.suffix == ".parquet" and read_counts(path))
        if left and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)
    if force or not (folder / STATE).is_file():
        write_json(folder / STATE, wanted)


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")
