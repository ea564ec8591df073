"""From a command line to a checked configuration to a job: one place, for every command.

Hydra composes; nothing of it that instantiates (``_target_``, launchers, callbacks) or unpickles is in reach.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.config import AutoencoderCommand, ClassifierCommand, InferCommand, TrainCommand, check
from mnist_etc.errors import ConfigError, MnistEtcError
from mnist_etc.privacy.audit_config import AuditCommand
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
PACKAGED = Path(__file__).parents[1] / "conf"
"""The checkout's ``conf/``, or the one that a wheel carries beside this package."""
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
        config = compose(config_name, schema, arguments.overrides)
        if arguments.cfg:
            print(_as_yaml(config), end="")
            sys.exit(0)
        result = job(config)
    except MnistEtcError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"error: Expected to read and write files; received: {error}. Mend that and try again.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "interrupted: a training goes on from its last epoch, a search from its record, with the same command",
            file=sys.stderr,
        )
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)


def compose(config_name: str, schema: type[T], overrides: list[str]) -> T:
    """The configuration of ``conf/<config_name>.yaml`` with ``overrides`` (``key=value``), checked.

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

    for override in overrides:
        if override.startswith(("+", "~", "hydra")):
            raise ConfigError(f"Expected key=value; received {override!r}. The schema is closed: all keys: --cfg job")
    OmegaConf.register_new_resolver("if", lambda test, yes, no: yes if test else no, replace=True)
    for name, node in SCHEMAS.items():
        ConfigStore.instance().store(f"{name}_schema", node)
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            composed = hydra_compose(config_name, overrides)
        config = OmegaConf.to_object(composed)
    except MissingMandatoryValue as error:
        raise ConfigError(f"Expected a value for {error.full_key}; received none. Pass {error.full_key}=...") from None
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ConfigError(_sentence(error, schema)) from None
    assert isinstance(config, schema)
    check(config)
    return config


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"Expected key=value; received: {message}. See {self.prog} --help.")


def _parse(config_name: str, schema: type) -> argparse.Namespace:
    parser = _Parser(
        prog=config_name,
        description=schema.__doc__,
        epilog="keys and their values now:  --cfg job   |   groups:  data=mnist|fashion_mnist|digits|folder"
        "   features=code|scattering",
        allow_abbrev=False,
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="a key of conf/ and its new value")
    parser.add_argument("--cfg", choices=["job"], help="print the configuration and stop")
    return parser.parse_args()


def _conf_folder(config_name: str) -> Path:
    for folder in (Path("conf"), PACKAGED):
        if (folder / f"{config_name}.yaml").is_file():
            return folder.resolve()
    raise ConfigError("Expected the configuration in conf/; received no such folder. Run: dvc pull conf.dvc")


def _sentence(error: Exception, schema: type) -> str:
    """One line from Hydra's or OmegaConf's several."""
    from hydra.errors import OverrideParseException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ValidationError

    cause = error.__cause__ or error
    key = getattr(cause, "full_key", None)
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and key:
        near = difflib.get_close_matches(key, keys(schema), n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        return f"Expected a key of the configuration; received {key!r}. {hint}All keys: --cfg job"
    reason = str(cause).splitlines()[0].rstrip(".")
    if isinstance(cause, ValidationError) and key:
        return f"Expected a valid value for {key}; received: {reason}. See --cfg job"
    if isinstance(error, OverrideParseException):
        quoted = "'key=\"value\"'"
        return f"Expected key=value; received {error.override!r}. Quote a value with special characters: {quoted}"
    reason = " ".join(str(error).split()).partition(" Config search path:")[0]
    return f"Expected a valid configuration; received: {reason}"


def keys(schema: Any, prefix: str = "") -> list[str]:
    """Every key of ``schema``, a dataclass, nested ones with dots."""
    found: list[str] = []
    for name, kind in typing.get_type_hints(schema).items():
        found += keys(kind, f"{prefix}{name}.") if dataclasses.is_dataclass(kind) else [prefix + name]
    return found


def _as_yaml(config: Any) -> str:
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(config)))
