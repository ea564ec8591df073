"""From a command line to a checked configuration to a job: one place, for every command.

Hydra composes; nothing of it that instantiates (``_target_``, launchers, callbacks) or unpickles is in reach.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from mnist_etc import interrupt
from mnist_etc.__main__ import COMMANDS, DISTRIBUTION
from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.config import AutoencoderCommand, ClassifierCommand, InferCommand, TrainCommand
from mnist_etc.errors import ConfigError, MnistEtcError
from mnist_etc.overrides import NAME, keys, one_value, overrides, unknown
from mnist_etc.privacy.audit_config import AuditCommand
from mnist_etc.schema import check, expand_home
from mnist_etc.serving.config import ExportCommand, ServeCommand, TuneCommand

__all__ = ["compose", "keys", "run"]

SCHEMAS = {
    "audit": AuditCommand,
    "autoencoder": AutoencoderCommand,
    "classifier": ClassifierCommand,
    "export": ExportCommand,
    "infer": InferCommand,
    "reconstruct": ReconstructCommand,
    "serve": ServeCommand,
    "train": TrainCommand,
    "tune": TuneCommand,
}
EXAMPLES = {
    "audit": ["data=mnist privacy.target_epsilon=3"],
    "autoencoder": ["hid_dim=32 epochs=3", "data=digits private=true"],
    "classifier": ["epochs=6 hidden_units=[256]", "features=scattering private=true"],
    "export": ["policy=rounded policy.decimals=2", "rollback=true"],
    "infer": ["photos/", "data=digits artifacts=out", "server=localhost:8500"],
    "reconstruct": ["policies=[logits,levels:3] preset_2023=false"],
    "serve": ["serving.http_port=8600"],
    "train": ["data=digits", "features=scattering classifier.private=true privacy.target_epsilon=3"],
    "tune": ["data=digits concurrency=[1,20] rounds=3"],
}
"""Of each command, what ``--help`` shows."""
PACKAGED = Path(__file__).parents[1] / "conf"
"""The checkout's ``conf/``, or the one that a wheel carries beside this package."""
SWEEPS = ("-m", "--multirun")
SWEEP = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '([^=]*)=(.*?)' (?:1\.|requires)")
NO_GROUP = re.compile(r"Could not override '([^']*)'\.|Override ([^=]*)=.* looks like a config group override")
"""What Hydra says of them."""
ANY_VALUE = (ValueError, TypeError, AssertionError, OSError, RecursionError)
"""What Hydra and OmegaConf let through besides their own, for some values and damaged files."""
T = TypeVar("T")


def run(config_name: str, schema: type[T], job: Callable[[T], Any]) -> NoReturn:
    """Run ``job`` on the configuration that the command line asks for, then end the program.

    Args:
        config_name: the file of ``conf/`` to start from, without its suffix.
        schema: its dataclass.
        job: called with the checked configuration; an int is the exit code, anything else means 0.
    """
    try:
        arguments = _parse(config_name, schema)
        config = compose(config_name, schema, arguments.words)
        if arguments.cfg:
            print(_as_yaml(config), end="")
            sys.exit(0)
        interrupt.loaded()
        result = job(config)
    except MnistEtcError as error:
        print("error:", *str(error).splitlines(), file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"error: Expected to read and write files; received: {error}. Mend that and try again.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt as error:
        terminated = isinstance(error, interrupt.Terminated)
        print(
            "terminated" if terminated else "interrupted",
            "a training goes on from its last epoch, a search from its record, with the same command",
            sep=": ",
            file=sys.stderr,
        )
        sys.exit(interrupt.TERMINATED if terminated else interrupt.CODE)
    sys.exit(result if isinstance(result, int) else 0)


def compose(config_name: str, schema: type[T], words: list[str]) -> T:
    """The configuration of ``conf/<config_name>.yaml`` with ``words`` (``key=value``), checked.

    Raises:
        ConfigError: ``conf/`` is missing, or a key, a type or a value is wrong.
    """
    folder = _conf_folder(config_name)
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
    from yaml import YAMLError

    groups = {group.name for group in folder.iterdir() if group.is_dir()}
    asked = overrides(words, schema, groups)
    OmegaConf.register_new_resolver("if", lambda test, yes, no: yes if test else no, replace=True)
    OmegaConf.register_new_resolver("env", lambda name, default: os.environ.get(name) or default, replace=True)
    for name, node in SCHEMAS.items():
        ConfigStore.instance().store(f"{name}_schema", node)
    try:
        with initialize_config_dir(str(folder), version_base="1.3"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = OmegaConf.to_object(hydra_compose(config_name, asked))
    except MissingMandatoryValue as error:
        raise ConfigError(f"Expected a value for {error.full_key}; received none. Pass {error.full_key}=...") from None
    except (HydraException, OmegaConfBaseException, YAMLError, *ANY_VALUE) as error:
        where = "" if folder == PACKAGED.resolve() else f" (with {folder})"
        raise ConfigError(f"{_sentence(error, schema, groups)}{where}") from None
    if not isinstance(config, schema):
        raise ConfigError(
            f"Expected {config_name}_schema in the defaults of {folder}/{config_name}.yaml; received none."
        )
    expand_home(config)
    check(config)
    return config


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"Expected key=value; received: {message}. See {self.prog} --help.")


def _parse(config_name: str, schema: type) -> argparse.Namespace:
    parser = _Parser(
        prog=_program(),
        description=f"{COMMANDS[config_name][0].upper()}{COMMANDS[config_name][1:]}.",
        epilog=_epilog(config_name) if {"-h", "--help"} & set(sys.argv) else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", metavar="key=value", help=_help(schema))
    parser.add_argument("--cfg", choices=["job"], help="print every key with its value and stop")
    for word in sys.argv[1:]:
        if word in SWEEPS:
            raise ConfigError(one_value(_program(), schema, "", word))
    return parser.parse_args()


def _help(schema: type) -> str:
    also = "; a path alone is input=<path>" if "input" in keys(schema) else ""
    return f"a key and its new value, or a group and one of its choices{also}"


def _epilog(config_name: str) -> str:
    """What can be chosen, and commands that work."""
    groups: list[str] = []
    with suppress(ConfigError):  # --help answers without conf/ too
        groups = [f"  {name}={'|'.join(choices)}" for name, choices in _groups(config_name).items()]
    examples = [f"  {_program()} {words}" for words in EXAMPLES[config_name]]
    return "\n".join([*(["groups, the default first:", *groups, ""] if groups else []), "examples:", *examples])


def _groups(config_name: str) -> dict[str, list[str]]:
    """The folders of ``conf/`` that this command chooses one file of several from, the default first."""
    from yaml import YAMLError, safe_load

    folder = _conf_folder(config_name)
    try:
        defaults = safe_load((folder / f"{config_name}.yaml").read_text())["defaults"]
        chosen = {name: str(choice) for item in defaults if isinstance(item, dict) for name, choice in item.items()}
    except (OSError, ValueError, TypeError, KeyError, YAMLError) as error:
        raise ConfigError(f"Expected a list of defaults in {folder}/{config_name}.yaml; received: {error!r}.") from None
    found = {}
    for name, choice in chosen.items():
        others = {path.stem for path in (folder / name).glob("*.yaml")} - {choice, "base"}
        if others and NAME.fullmatch(choice):
            found[name] = [choice, *sorted(others)]
    return found


def _program() -> str:
    """The command as it was typed, without its arguments."""
    name = Path(sys.argv[0]).name
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else ""
    if module == DISTRIBUTION.replace("-", "_"):
        return f"python -m {module} {name.removeprefix(f'{DISTRIBUTION}-')}"
    if not name.endswith(".py"):
        return name
    return f"python -m {module}" if module else f"python {name}"


def _conf_folder(config_name: str) -> Path:
    """``./conf`` where its ``<config_name>.yaml`` extends this command's schema, else the packaged one."""
    own = Path("conf", f"{config_name}.yaml")
    packaged = (PACKAGED / own.name).is_file()
    if own.is_file():
        if re.search(rf"(?m)^[^#\n]*\b{config_name}_schema\b", own.read_text(errors="replace")):
            return own.parent.resolve()
        if packaged:
            print(f"{own} is another project's, without {config_name}_schema: using {PACKAGED}", file=sys.stderr)
    if packaged:
        return PACKAGED.resolve()
    raise ConfigError("Expected the configuration in conf/; received no such folder. Run: dvc pull conf.dvc")


def _sentence(error: Exception, schema: type, groups: set[str]) -> str:
    """One line from Hydra's or OmegaConf's several."""
    from hydra.errors import OverrideParseException
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
    reason = " ".join(str(error).split()) or type(error).__name__
    reason = reason.partition(" Config search path:")[0].partition(" full_key:")[0]
    if sweep := SWEEP.match(reason):
        return one_value(_program(), schema, *sweep.groups())
    if no_group := NO_GROUP.match(reason):
        return unknown(no_group[1] or no_group[2], schema)
    return f"Expected a valid configuration; received: {reason}"


def _as_yaml(config: Any) -> str:
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(config)))
