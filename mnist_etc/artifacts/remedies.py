"""The command that does what a configuration asks for, for messages: every key that differs from its default."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.config import (
    AutoencoderCommand,
    ClassifierCommand,
    FewLabelsCommand,
    RunConfig,
    SupervisedCommand,
    TrainCommand,
)
from mnist_etc.composition import choices, own_script
from mnist_etc.data.config import DataConfig
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import ConfigError
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.zoo_config import ZooConfig

__all__ = [
    "arguments",
    "command",
    "default_model",
    "flatten",
    "of_use",
    "program",
    "supervised_command",
    "supervised_words",
    "words_of_use",
]

CHECKOUT = Path(__file__).parents[2]
SCHEMAS = {"autoencoder": AutoencoderCommand, "classifier": ClassifierCommand, "train": TrainCommand}
PLACES = {
    "autoencoder": {"autoencoder": ""},
    "classifier": {"autoencoder": "autoencoder.", "classifier": ""},
    "train": {"autoencoder": "autoencoder.", "classifier": "classifier."},
}
"""Before which words the keys of a model stand."""
UNSAID = ("force", "run_name", "tracking_uri", "tracking.tensorboard", "labels.url", "labels.wait")
"""What does not decide the weights, or may be secret: an address may hold a password."""
SWITCHES = ("private", "fine_tune", "augment", "flip", "noise_multiplier")
"""On whose values the defaults of other keys depend."""


def program(name: str) -> str:
    """How to run the command ``name``: by the user's script if one runs, in a checkout by a door, else as installed."""
    if script := own_script():
        return f"python {shlex.quote(script)} {name}"
    if not (CHECKOUT / "train.py").is_file():
        return f"mnist-etc-{name}"
    if name != "train":
        return f"python -m train_.{name}"
    here = Path.cwd() == CHECKOUT
    return f"python {shlex.quote('train.py' if here else str(CHECKOUT / 'train.py'))}"


def command(
    name: str,
    run: RunConfig,
    autoencoder: AutoencoderConfig,
    classifier: ClassifierConfig | None = None,
    elsewhere: str | None = None,
) -> str:
    """The command line, quoted for a shell, that trains what is asked for.

    Args:
        name: "train", "autoencoder" or "classifier".
        run: data, seed, privacy and folder.
        autoencoder: of the model.
        classifier: of the model, unless the autoencoder alone is trained.
        elsewhere: a word; a folder of that name, which is not there yet, in that of ``run`` takes its place.
    """
    wanted = flatten(run, (RunConfig,))
    for model, place in PLACES[name].items():
        config: Any = autoencoder if model == "autoencoder" else classifier
        kind = AutoencoderConfig if model == "autoencoder" else ClassifierConfig
        wanted |= {place + key: value for key, value in flatten(config, (kind,)).items()}
    if elsewhere is not None:
        wanted["artifacts"] = _new_folder(run, elsewhere)
    return " ".join([program(name), *arguments(name, SCHEMAS[name], wanted, run, classifier)])


def supervised_command(
    run: RunConfig, model: ZooConfig, elsewhere: str | None = None, labels: LabelsConfig | None = None
) -> str:
    """The same that trains a model of the zoo, where ``labels`` are asked with few of them."""
    places = {} if elsewhere is None else {"artifacts": _new_folder(run, elsewhere)}
    name = "supervised" if labels is None else "few_labels"
    return " ".join([program(name), *supervised_words(run, model, places, labels)])


def supervised_words(
    run: RunConfig, model: ZooConfig, places: Mapping[str, Any], labels: LabelsConfig | None = None
) -> list[str]:
    """Its words, quoted for a shell: what differs from the defaults of ``conf/``, the model first.

    Args:
        run: data, seed, privacy and folder.
        model: of the zoo.
        places: values that take the place of those of ``run``, by key.
        labels: how they are asked; None: all are known.
    """
    wanted = flatten(run, (RunConfig,)) | flatten(model, (ZooConfig,), "model.") | dict(places)
    if labels is None:
        return arguments("supervised", SupervisedCommand, wanted, run, None, model)
    wanted |= flatten(labels, (LabelsConfig,), "labels.")
    words = arguments("few_labels", FewLabelsCommand, wanted, run, None, model)
    if not any(word.startswith("model=") for word in words):
        words = [f"model={default_model('few_labels')}", *words]
    budget = f"labels.budget={labels.budget}"  # always: without it, a command that uses a model means another one
    return words if budget in words else [*words, budget]


def words_of_use(run: RunConfig, model: ZooConfig, labels: LabelsConfig | None = None) -> list[str]:
    """The same words, not quoted, for commands that use a model, which begin with none of the zoo."""
    words = [of_use(shlex.split(word)[0]) for word in supervised_words(run, model, {}, labels)]
    return words if any(word.startswith("model=") for word in words) else [f"model={default_model()}", *words]


def of_use(word: str) -> str:
    """A word of ``train_.few_labels`` as commands that use its model take it, where ``labels`` are a file's."""
    return f"few_{word}" if word.startswith("labels.") else word


def default_model(name: str = "supervised") -> str:
    """The file of ``conf/model/`` that a command that trains a model of the zoo begins with.

    Raises:
        ConfigError: ``conf/`` is missing or damaged.
    """
    return choices(name)["model"][0]


def _new_folder(run: RunConfig, word: str) -> str:
    """A folder in that of ``run`` that is not there yet."""
    places = (Path(run.artifacts, f"{word}{suffix}") for suffix in ("", *map("_{}".format, range(2, 100))))
    return str(next((place for place in places if not place.exists()), Path(word)))


def arguments(
    name: str,
    schema: type,
    wanted: Mapping[str, Any],
    run: RunConfig,
    classifier: ClassifierConfig | None,
    model: ZooConfig | None = None,
) -> list[str]:
    """The words of a command line, quoted for a shell, after which each key has its wanted value.

    Args:
        name: The file of ``conf/`` that the command starts from, without its suffix.
        schema: Dataclass of the command's keys.
        wanted: Values by key, see `flatten`; those in `UNSAID` are left out.
        run: The data among them.
        classifier: The features among them, unless the autoencoder alone is trained.
        model: Of the zoo, where the command takes one.
    """
    wanted = {key: value for key, value in wanted.items() if key not in UNSAID}
    groups = _groups(name, run.data, classifier, model)
    words: dict[str, str] = {}
    for _ in range(3):
        missing = _missing(name, schema, wanted, [*groups, *(f"{key}={value}" for key, value in words.items())])
        switches = {key: value for key, value in missing.items() if key.rpartition(".")[2] in SWITCHES}
        words |= switches or missing
        if not switches:
            break
    typed = [*groups, *(f"{key}={value}" for key, value in words.items())]
    return [*map(shlex.quote, typed)]


def flatten(config: Any, kinds: tuple[type, ...], prefix: str = "") -> dict[str, Any]:
    """The values of a dataclass by their keys, of the fields that ``kinds`` have; nested ones with dots."""
    names = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        if field.name in names:
            value = getattr(config, field.name)
            nested = dataclasses.is_dataclass(value)
            values |= (
                flatten(value, (type(value),), f"{prefix}{field.name}.") if nested else {prefix + field.name: value}
            )
    return values


def _missing(name: str, schema: type, wanted: Mapping[str, Any], words: list[str]) -> dict[str, str]:
    """What ``words`` leave otherwise than it is wanted."""
    from mnist_etc.composition import compose  # Hydra: 0.3 s, for a message alone

    try:
        given = flatten(compose(name, schema, words), (schema,))
    except ConfigError:  # a message about something else goes before one about conf/
        given = {}
    return {key: _typed(value) for key, value in wanted.items() if key not in given or given[key] != value}


def _groups(name: str, data: DataConfig, classifier: ClassifierConfig | None, model: ZooConfig | None) -> list[str]:
    """The words that choose a file of ``conf/``: for the data that of its name, or of its kind, if there is one."""
    words: list[str] = []
    with suppress(ConfigError):  # a message about something else goes before one about conf/
        groups = choices(name)
        default, *others = groups.get("data", [""])
        file = next((file for file in (data.name, data.kind) if file in others), default)
        words = [f"data={file}"] if file != default else []
        if file == data.kind and DATASETS[data.kind].needs_root:
            words.append(f"data.root={data.root}")
        if classifier is not None and classifier.features in groups.get("features", [])[1:]:
            words.append(f"features={classifier.features}")
        if model is not None and model.name in groups.get("model", [])[1:]:
            words.append(f"model={model.name}")
    return words


def _typed(value: Any) -> str:
    """As it is typed on a command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{','.join(_quoted(one) if isinstance(one, str) else _typed(one) for one in value)}]"
    return str(value.value if isinstance(value, Enum) else value)


def _quoted(word: str) -> str:
    """A text in a list, in quotes where it would be taken for something else."""
    if re.fullmatch(r"[A-Za-z_][\w:./-]*", word) and word.lower() not in ("true", "false", "null", "nan", "inf"):
        return word
    escaped = re.sub(r"\\+(?='|$)", lambda slashes: 2 * slashes[0], word).replace("'", "\\'")
    return f"'{escaped}'"
