"""From the values in ``conf/`` and the words of a command line to a checked configuration.

Hydra composes; nothing of it that instantiates (``_target_``, launchers, callbacks) or unpickles is in reach.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mnist_etc.errors import ConfigError
from mnist_etc.experiments import EXPERIMENT, chosen, extends, made_for
from mnist_etc.overrides import NAME, keys, kinds, one_value, overrides, unknown
from mnist_etc.schema import check, expand_home

__all__ = ["PACKAGE", "PREFIX", "choices", "compose", "conf_folder", "entry", "inform", "own_script", "program"]

PACKAGE, PREFIX = "mnist_etc", "mnist-etc-"
"""Of ``python -m``, and of the console scripts."""
PACKAGED = Path(__file__).parents[1] / "conf"
"""The checkout's ``conf/``, or the one that a wheel carries beside this package."""
BASE = "base"
"""The file of a folder of ``conf/`` that the others extend: no choice of its own."""
SWEEP = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '([^=]*)=(.*?)' (?:1\.|requires)")
NO_GROUP = re.compile(r"Could not override '([^']*)'\.|Override ([^=]*)=.* looks like a config group override")
OF_ANOTHER = re.compile(rf"In '{EXPERIMENT}/[^']*': Could not override '([^']*)'")
"""What Hydra says of them."""
NO_KEY = re.compile(r".*raised while composing config: Key '([^']*)' not in")
ANY_VALUE = (ValueError, TypeError, AssertionError, OSError, RecursionError)
"""What Hydra and OmegaConf let through besides their own, for some values and damaged files."""
T = TypeVar("T")


def compose(config_name: str, schema: type[T], words: list[str]) -> T:
    """Compose and check the configuration of a command.

    Args:
        config_name: file of ``conf/`` to start from, without its suffix.
        schema: dataclass of the keys.
        words: of the command line, each ``key=value``.

    Raises:
        ConfigError: ``conf/`` is missing, or a key, a type or a value is wrong.
    """
    with _hydra(config_name, schema, words) as (asked, apart):
        from hydra import compose as hydra_compose
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from omegaconf import OmegaConf

        composed = hydra_compose(config_name, asked)
        for one in OverridesParser.create().parse_overrides(apart):
            OmegaConf.update(composed, one.key_or_group, one.value())
        config = OmegaConf.to_object(composed)
    if not isinstance(config, schema):
        raise ConfigError(
            f"Expected {config_name}_schema in the defaults of {conf_folder(config_name)}/{config_name}.yaml; "
            "received none."
        )
    expand_home(config)
    check(config)
    if unread := getattr(config, "unread", None):
        unread([word.partition("=")[0] for word in words if "=" in word])
    return config


def inform(about: str, config_name: str, schema: type, words: list[str]) -> None:
    """Print what Hydra knows of a composition: ``config``, ``defaults``, ``defaults-tree`` or ``searchpath``.

    Raises:
        ConfigError: see `compose`.
    """
    with _hydra(config_name, schema, words) as (asked, _):
        from hydra.core.global_hydra import GlobalHydra

        GlobalHydra.instance().hydra.show_info(about, config_name, asked)


@contextmanager
def _hydra(config_name: str, schema: type, words: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Hydra's overrides for ``words``, while it knows ``conf/``; what it raises in the block is told in a line.

    Apart stand those of a text that is called as a folder of ``conf/`` is, from which this command chooses nothing:
    ``model`` of an autoencoder. Hydra would look for the folder's choice, so they are set once it has composed.
    """
    folder = conf_folder(config_name)
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
    from yaml import YAMLError

    groups = {group.name for group in folder.iterdir() if group.is_dir()} - {EXPERIMENT}
    words, experiment = chosen(words, folder, config_name)
    asked = [*extends(experiment, config_name), *overrides(words, schema, groups)]
    OmegaConf.register_new_resolver("if", lambda test, yes, no: yes if test else no, replace=True)
    OmegaConf.register_new_resolver("in", lambda value, several: value in several, replace=True)
    OmegaConf.register_new_resolver("env", lambda name, default: os.environ.get(name) or default, replace=True)
    ConfigStore.instance().store(f"{config_name}_schema", schema)
    try:
        with initialize_config_dir(str(folder), version_base="1.3"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            texts = {key for key, kind in kinds(schema).items() if key in groups and kind in (str, str | None)}
            texts -= set(choices(config_name)) if texts else set()
            apart = [word for word in asked if word.partition("=")[0] in texts]
            yield [word for word in asked if word not in apart], apart
    except MissingMandatoryValue as error:
        raise ConfigError(f"Expected a value for {error.full_key}; received none. Pass {error.full_key}=...") from None
    except (HydraException, OmegaConfBaseException, YAMLError, *ANY_VALUE) as error:
        where = "" if folder == PACKAGED.resolve() else f" (with {folder})"
        if experiment:
            other = made_for(experiment, folder)
            made = "" if other in (None, config_name) else f", which is one of {other}"
            where = f"{where} (with {EXPERIMENT}={experiment}{made})"
        raise ConfigError(f"{_sentence(error, schema, groups)}{where}") from None


def choices(config_name: str, schema: type | None = None) -> dict[str, list[str]]:
    """List the folders of ``conf/`` that a command chooses one file of several from, with the files, the default first.

    Args:
        config_name: file of ``conf/`` to start from, without its suffix.
        schema: of the command, where what its ``offers`` takes is listed alone.

    Raises:
        ConfigError: ``conf/`` is missing, or its file for the command is damaged.
    """
    from yaml import YAMLError, safe_load

    folder = conf_folder(config_name)
    try:
        defaults = safe_load((folder / f"{config_name}.yaml").read_text())["defaults"]
        chosen = {name: str(choice) for item in defaults if isinstance(item, dict) for name, choice in item.items()}
    except (OSError, ValueError, TypeError, KeyError, YAMLError) as error:
        raise ConfigError(f"Expected a list of defaults in {folder}/{config_name}.yaml; received: {error!r}.") from None
    found = {}
    for name, choice in chosen.items():
        others = {path.stem for path in (folder / name).glob("*.yaml")} - {choice, BASE}
        if others and NAME.fullmatch(choice):
            found[name] = [choice, *sorted(others)]
    return {name: _offered(schema, name, several) for name, several in found.items()}


def _offered(schema: type | None, group: str, several: Iterable[str]) -> list[str]:
    """Those choices of a folder of ``conf/`` that a command takes."""
    offers = getattr(schema, "offers", None)
    return [one for one in several if offers is None or offers(group, one)]


def program() -> str:
    """Name the command as it was typed, without its arguments."""
    name = Path(sys.argv[0]).name
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else ""
    if module == PACKAGE:
        return f"python -m {module} {name.removeprefix(PREFIX)}"
    if script := own_script():
        return f"python {shlex.quote(script)} {name.removeprefix(PREFIX)}"
    if not name.endswith(".py"):
        return name
    return f"python -m {module}" if module else f"python {name}"


def own_script() -> str | None:
    """The user's script that ends in `mnist_etc.__main__.main`: no other way to a command knows the rows it adds."""
    main = sys.modules["__main__"]
    path = Path(getattr(main, "__file__", None) or "")
    if main.__spec__ or path.suffix != ".py" or not Path(sys.argv[0]).name.startswith(PREFIX):
        return None
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def entry(name: str) -> list[str]:
    """The words after the interpreter that start the command ``name`` in another process, as this one knows it."""
    script = own_script()
    return [script, name] if script else ["-m", PACKAGE, name]


def conf_folder(config_name: str) -> Path:
    """Choose ``./conf`` where its ``<config_name>.yaml`` extends this command's schema, else the packaged one.

    Raises:
        ConfigError: there is neither.
    """
    own = Path("conf", f"{config_name}.yaml")
    packaged = (PACKAGED / own.name).is_file()
    if own.is_file():
        if re.search(rf"(?m)^[^#\n]*\b{config_name}_schema\b", own.read_text(errors="replace")):
            return own.parent.resolve()
        if packaged:
            print(f"{own} is another project's, without {config_name}_schema: using {PACKAGED}", file=sys.stderr)
    if packaged:
        return PACKAGED.resolve()
    raise ConfigError("The folder conf/ with the configuration is missing. Run: dvc pull conf.dvc")


def _sentence(error: Exception, schema: type, groups: set[str]) -> str:
    """One line from Hydra's or OmegaConf's several."""
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import (
        ConfigAttributeError,
        ConfigKeyError,
        GrammarParseError,
        InterpolationResolutionError,
        ValidationError,
    )

    cause = error.__cause__ or error
    key = getattr(cause, "full_key", None)
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and key:
        return unknown(key, schema)
    reason = str(cause).partition("\n")[0].rstrip(".")
    if isinstance(cause, ValidationError) and key:
        return f"Expected a valid value for {key}; received: {reason}. See --cfg job"
    if isinstance(cause, InterpolationResolutionError | GrammarParseError):
        return (
            f"Expected an interpolation in {key or 'a value'}; received: {reason}. For the characters themselves: \\${{"
        )
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        if key in keys(schema) or key in groups:
            return f"Expected a valid value for {key}; received {value!r}. See --cfg job"
        return unknown(key, schema)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.partition("/")
        known = ", ".join(_offered(schema, group, sorted({*error.options} - {BASE})))
        return f"Expected {group} as one of {known}; received {choice!r}."
    return _reworded(" ".join(str(error).split()) or type(error).__name__, schema)


def _reworded(reason: str, schema: type) -> str:
    """What Hydra says in words of its own."""
    reason = reason.partition(" Config search path:")[0].partition(" full_key:")[0]
    if sweep := SWEEP.match(reason):
        return one_value(program(), schema, *sweep.groups())
    if of_another := OF_ANOTHER.match(reason):
        return f"Expected an experiment of {program()}; received one that chooses {of_another[1]!r}"
    if no_key := NO_KEY.match(reason):
        return unknown(no_key[1], schema)
    if no_group := NO_GROUP.match(reason):
        return unknown(no_group[1] or no_group[2], schema)
    return f"Expected a valid configuration; received: {reason}"
