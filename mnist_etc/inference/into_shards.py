"""Millions of images: answered part by part into a folder of Parquet shards, so that a killed run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from mnist_etc.errors import ArtifactError, ConfigError, DataError, ExitCode
from mnist_etc.files import exclusive, read_limited, sha256, write_json
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.engines import INFERENCE_ENGINES, STATE
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.model import SelectedModel, open_classifier, select_model
from mnist_etc.inference.shards import counts, list_shards, read_counts
from mnist_etc.inference.summary import Summary

__all__ = ["into_shards"]

SCHEMA = "mnist_etc/shards/1"
LIMIT = 2**20
DECIDE = ("prepare", "polarity", "split", "top", "input_key")
"""Keys that decide the answers, besides the model."""


def into_shards(config: InferCommand) -> int:
    """Answer ``config.input`` part by part into the folder ``config.output``; what is answered already stays.

    Returns:
        0, or `ExitCode.SOME_SKIPPED` where images were named on stderr and skipped.

    Raises:
        ArtifactError: There is no full model of this configuration, or the folder cannot be written.
        ConfigError: The folder holds something else, or answers of another model or to another question.
        DataError: Nothing could be read.
    """
    folder, model = Path(str(config.output)), select_model(config)
    shards = list_shards(Path(str(config.input)))
    _claim(folder, config, model)
    with exclusive(folder / ".lock", key="output"):
        left = [shard for shard in shards if counts(folder / shard.name, shard) is None]
        if len(left) < len(shards):
            print(f"{len(shards) - len(left):,} of {len(shards):,} shards are in {folder}/ already", flush=True)
        for number, name in enumerate(INFERENCE_ENGINES[config.engine].run(config, left), len(shards) - len(left) + 1):
            print(f"{number:,}/{len(shards):,}  {name}", flush=True)
    with open_classifier(config, model) as classifier:
        total, labeler = Summary(classifier.names, config.top), Labeler(classifier.names)
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
    print(f"{folder}/")
    return ExitCode.SOME_SKIPPED if total.bad else ExitCode.DONE


def _claim(folder: Path, config: InferCommand, model: SelectedModel) -> None:
    """Make the folder, and say in it what its shards answer."""
    asked = asdict(config)
    wanted = {
        "schema": SCHEMA,
        "model": sha256(model.onnx),
        "side": config.data.side,
        **{key: getattr(asked[key], "value", asked[key]) for key in DECIDE},
    }
    state = folder / STATE
    if state.is_file() and not config.force:
        found = json.loads(read_limited(state, LIMIT))
        other = [key for key, value in wanted.items() if found.get(key) != value]
        if other:
            raise ConfigError(
                f"Expected answers of the same model and keys in output={folder}/; received others, by "
                f"{', '.join(other)}. Pass another folder, or force=true to begin anew."
            )
        return
    if folder.exists() and any(folder.iterdir()) and not config.force:
        raise ConfigError(
            f"Expected output={folder}/ as a new or empty folder, or one of shards; received another's. Pass another "
            "name, or force=true to write into it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    if config.force:
        for shard in folder.rglob("*.parquet"):
            if read_counts(shard) is not None:
                shard.unlink()
    write_json(state, wanted)
