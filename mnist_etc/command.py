"""From a command line to a checked configuration to a job: one place, for every command."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from mnist_etc import interrupt
from mnist_etc.composition import choices, compose, conf_folder, inform, program
from mnist_etc.errors import ConfigError, ExitCode, MnistEtcError
from mnist_etc.experiments import experiments
from mnist_etc.overrides import keys, one_value
from mnist_etc.processes import follow, tell
from mnist_etc.registry import resolve

__all__ = ["Command", "run"]

INFO = ("config", "defaults", "defaults-tree", "searchpath")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One row of the table of commands; what it names is imported when the command is run."""

    help: str
    schema: str
    """``module:Class`` of its configuration, a dataclass that ``conf/<name>.yaml`` fills."""
    job: str | Callable[[Any], Any]
    """``module:function``, or the function; called with the checked configuration; an int is the exit code."""
    examples: tuple[str, ...] = ()
    """What ``--help`` shows: words that may follow the command."""


def run(name: str, command: Command) -> NoReturn:
    """Run the job of ``command`` on the configuration that the command line asks for, then end the program.

    Args:
        name: the file of ``conf/`` to start from, without its suffix.
        command: its row.
    """
    follow()
    try:
        schema: type[Any] = resolve(command.schema)
        arguments = _parse(name, command, schema)
        if arguments.multirun:
            result = _run_each(name, schema, arguments)
        else:
            config = compose(name, schema, arguments.words)
            if arguments.cfg or arguments.info:
                print(_as_yaml(config), end="") if arguments.cfg else inform(
                    arguments.info, name, schema, arguments.words
                )
                sys.exit(0)
            job = resolve(command.job)
            interrupt.loaded()
            result = job(config)
            if isinstance(result, float):
                tell(result=result)
    except MnistEtcError as error:
        print("error:", *str(error).splitlines(), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _end_quietly()
    except OSError as error:
        print(
            f"error: A file could not be read or written: {error}. Remove the cause and run it again.", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt as error:
        terminated = isinstance(error, interrupt.Terminated)
        print(
            "terminated" if terminated else "interrupted",
            str(error) or "a training goes on from its last epoch, a search from its record, with the same command",
            sep=": ",
            file=sys.stderr,
        )
        sys.exit(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED)
    sys.exit(result if isinstance(result, int) else 0)


def _run_each(name: str, schema: type, arguments: argparse.Namespace) -> int:
    """Run the command in a process for each combination of values; see `mnist_etc.multirun`."""
    if not getattr(schema, "multirun", False):
        raise ConfigError(one_value(program(), schema, "", "--multirun"))
    if arguments.cfg or arguments.info:
        raise ConfigError("Expected --multirun alone; received --cfg or --info, which are of one configuration.")
    from mnist_etc.multirun import run_each

    return run_each(name, schema, arguments.words)


def _end_quietly() -> NoReturn:
    """End as a Unix tool does whose reader is gone; what is still buffered goes nowhere instead of raising at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(ExitCode.READER_GONE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"Expected key=value; received: {message}. See {self.prog} --help.")


def _parse(name: str, command: Command, schema: type) -> argparse.Namespace:
    parser = _Parser(
        prog=program(),
        description=f"{command.help[0].upper()}{command.help[1:]}.",
        epilog=_epilog(name, command) if {"-h", "--help"} & set(sys.argv) else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", metavar="key=value", help=_help(schema))
    parser.add_argument("--cfg", choices=["job"], help="print every key with its value and stop")
    parser.add_argument("--info", choices=INFO, help="print how Hydra composes the configuration and stop")
    several = "run once for each combination of values: key=1,2 key=range(3) group=glob(*)"
    shown = several if getattr(schema, "multirun", False) else argparse.SUPPRESS
    parser.add_argument("-m", "--multirun", action="store_true", help=shown)
    return parser.parse_intermixed_args()


def _help(schema: type) -> str:
    also = "; a path alone is input=<path>" if "input" in keys(schema) else ""
    if positional := getattr(schema, "positional", ()):
        also = f"; words without a key are {' and '.join(positional)}, in this order"
    return f"a key and its new value, or a group and one of its choices{also}"


def _epilog(name: str, command: Command) -> str:
    """What can be chosen, and commands that work."""
    groups: list[str] = []
    with suppress(ConfigError):  # --help answers without conf/ too
        for group, several in choices(name, resolve(command.schema)).items():
            groups.append(f"  {group}={'|'.join(several)}")
        if known := experiments(conf_folder(name), name):
            groups += ["", "named experiments:", f"  experiment={'|'.join(known)}"]
    examples = [f"  {program()} {words}" for words in command.examples]
    chosen = ["groups, the default first:", *groups, ""] if groups else []
    return "\n".join([*_words(resolve(command.schema)), *chosen, "examples:", *examples])


def _words(schema: type) -> list[str]:
    """The rows of a registry that a key without a name chooses from, a block for each such key."""
    fields = {one.name: one.metadata.get("registry") for one in dataclasses.fields(schema)}
    lines: list[str] = []
    for key in getattr(schema, "positional", ()):
        if registry := fields[key]:
            lines += [f"{key}:", *(f"  {name:<11}{registry[name].help}" for name in registry), ""]
    return lines


def _as_yaml(config: Any) -> str:
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(config)))
