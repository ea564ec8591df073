"""``python -m mnist_etc --shell-completion bash``: a script for the shell that knows every command, key and choice.

It holds all words itself, so that a completion starts no Python.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum

from mnist_etc.composition import PACKAGE, PREFIX, choices, conf_folder
from mnist_etc.errors import ConfigError
from mnist_etc.experiments import EXPERIMENT, experiments
from mnist_etc.overrides import kinds
from mnist_etc.registry import Registry

__all__ = ["SHELLS", "script"]

DOORS = {
    "train.py": "train",
    "infer.py": "infer",
    "noprotect_reconstruction.py": "reconstruct",
    "train_.pipeline": "train",
    "train_.autoencoder": "autoencoder",
    "train_.classifier": "classifier",
    "train_.supervised": "supervised",
    "train_.few_labels": "few_labels",
    f"{PACKAGE}.export": "export",
    f"{PACKAGE}.sweep": "sweep",
    f"{PACKAGE}.serving.tune": "tune",
    f"{PACKAGE}.serving.triton": "serve",
    f"{PACKAGE}.privacy.audit": "audit",
}
"""Files and modules that are run as a command, and which."""
FLAGS = ("--help", "--cfg", "--info")
BASH = r"""
_mnist_etc() {
  local line="${COMP_LINE:0:$COMP_POINT}" cur="" name="" words="" prefix=""
  local -a typed
  typed=($line)
  case "$line" in *[[:space:]]) ;; *) cur="${typed[${#typed[@]}-1]}"; unset "typed[${#typed[@]}-1]" ;; esac
  COMPREPLY=()
  case "${typed[0]##*/}" in
    mnist-etc) name="${typed[1]-}"; [ -z "$name" ] && words="$(_mnist_etc_words)" ;;
    mnist-etc-*) name="${typed[0]##*/mnist-etc-}"; name="${name#mnist-etc-}" ;;
    *)
      case "${typed[1]-}" in
        -m)
          case "${typed[2]-}" in
            mnist_etc) name="${typed[3]-}"; [ -z "$name" ] && words="$(_mnist_etc_words)" ;;
            *) name="$(_mnist_etc_door "${typed[2]-}")" ;;
          esac ;;
        *) prefix="${typed[1]-}"; name="$(_mnist_etc_door "${prefix##*/}")" ;;
      esac ;;
  esac
  [ -n "$name" ] && words="$(_mnist_etc_words "$name")"
  [ -z "$words" ] && return
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  case "${COMPREPLY[0]-}" in *=) type compopt >/dev/null 2>&1 && compopt -o nospace ;; esac
  [ -n "${ZSH_VERSION-}" ] && return
  prefix="${cur%"${cur##*[=:]}"}"
  COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
}
"""
FISH_PYTHON = "complete -c python -c python3 -n 'string match -qr -- \"{}\" (commandline -cp)' {}"


def script(shell: str, schemas: Mapping[str, type]) -> str:
    """The script for a shell.

    Args:
        shell: a name of `SHELLS`.
        schemas: the configuration of each command.

    Raises:
        ConfigError: there is no such shell, or ``conf/`` is missing.
    """
    return SHELLS[shell]({name: _words(name, schema) for name, schema in schemas.items()})


def _words(name: str, schema: type) -> list[str]:
    """What may follow a command."""
    words = [*FLAGS, *(["--multirun"] if getattr(schema, "multirun", False) else [])]
    with suppress(ConfigError):
        words += [f"{group}={one}" for group, several in choices(name, schema).items() for one in several]
        words += [f"{EXPERIMENT}={one}" for one in experiments(conf_folder(name), name)]
    rows = dict(_rows(schema))
    words += [value for key in getattr(schema, "positional", ()) for value in rows.get(key, ())]
    for key, kind in kinds(schema).items():
        words += [f"{key}={value}" for value in rows.get(key) or _values(kind)] or [f"{key}="]
    return words


def _rows(schema: type, prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each key that names one row of a registry, with the names of all."""
    hints = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind):
            yield from _rows(typing.cast("type", kind), f"{prefix}{field.name}.")
        elif "registry" in field.metadata and typing.get_origin(kind) is not list:
            yield prefix + field.name, list(field.metadata["registry"])


def _values(kind: object) -> list[str]:
    """All that a key of such a type may be, if these are few."""
    if kind is bool:
        return ["true", "false"]
    for one in typing.get_args(kind) or (kind,):
        if isinstance(one, type) and issubclass(one, Enum):
            return [str(member.value) for member in one]
    return []


def _bash(words: Mapping[str, Iterable[str]]) -> str:
    cases = [f"    {name}) echo '{' '.join(several)}' ;;" for name, several in words.items()]
    doors = [f"    {door}) echo {name} ;;" for door, name in DOORS.items() if name in words]
    return "\n".join(
        [
            f'# eval "$(python -m {PACKAGE} --shell-completion bash)"',
            *(
                "_mnist_etc_words() {",
                '  case "${1-}" in',
                f"    '') echo '{' '.join(words)}' ;;",
                *cases,
                "  esac",
                "}",
            ),
            *("_mnist_etc_door() {", '  case "$1" in', *doors, "  esac", "}"),
            BASH.strip(),
            f"complete -o default -F _mnist_etc mnist-etc {' '.join(PREFIX + name for name in words)} python python3",
        ]
    )


def _zsh(words: Mapping[str, Iterable[str]]) -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(words)}"


def _fish(words: Mapping[str, Iterable[str]]) -> str:
    lines = [
        f"# python -m {PACKAGE} --shell-completion fish | source",
        f"complete -c mnist-etc -f -n __fish_use_subcommand -a '{' '.join(words)}'",
        FISH_PYTHON.format(rf"-m {PACKAGE} +[^ ]*\$", f"-f -a '{' '.join(words)}'"),
    ]
    for name, several in words.items():
        given = f"-a '{' '.join(several)}'"
        lines.append(f"complete -c mnist-etc -n '__fish_seen_subcommand_from {name}' {given}")
        lines.append(f"complete -c {PREFIX}{name} {given}")
        doors = [*(door for door, other in DOORS.items() if other == name), f"-m {PACKAGE} {name}"]
        lines.extend(FISH_PYTHON.format(f"{re.escape(door)} ", given) for door in doors)
    return "\n".join(lines)


SHELLS: Registry[Callable[[Mapping[str, Iterable[str]]], str]] = Registry("shell")
SHELLS.add("bash", _bash)
SHELLS.add("zsh", _zsh)
SHELLS.add("fish", _fish)
