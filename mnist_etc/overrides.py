r"""From the words of a command line to Hydra's overrides: what is typed for a text stays as it is typed.

Hydra's grammar takes ``2024_11_26`` for a number and gives many characters a meaning; both end where the schema says
text. ``null`` stays null, a value in quotes of its own is what Hydra's grammar makes of it, and ``${...}`` is an
interpolation as in the YAML (``\${`` is not).
"""

from __future__ import annotations

import dataclasses
import difflib
import keyword
import re
import shlex
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.schema import key_of

__all__ = ["NAME", "keys", "kinds", "one_value", "overrides", "unknown"]

NAME = re.compile(r"[\w.-]+")
"""Of a file of ``conf/``, without its suffix."""
QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
ELEMENT = re.compile(rf"\s*(?:({QUOTED.pattern})|((?:\\,|[^,])*?))\s*(,|$)", re.DOTALL)
INTERPOLATION = re.compile(r"(\\*)\$\{")


def kinds(schema: Any, prefix: str = "") -> dict[str, Any]:
    """List every key of ``schema``, a dataclass, nested ones with dots, with its type."""
    found: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(schema).items():
        found |= kinds(kind, f"{prefix}{name}.") if dataclasses.is_dataclass(kind) else {prefix + key_of(name): kind}
    return found


def keys(schema: Any) -> list[str]:
    """List every key of ``schema``, a dataclass, nested ones with dots."""
    return list(kinds(schema))


def overrides(words: list[str], schema: Any, groups: set[str]) -> list[str]:
    """Translate the words of a command line to Hydra's overrides.

    Each is ``key=value``, the path of ``input``, or a value of a key that ``schema.positional`` names.

    Args:
        words: of the command line.
        schema: dataclass of the keys; the first word without ``=`` is the value of the first key of its attribute
            ``positional``, where it has one, the next of the next.
        groups: names of the folders of ``conf/``, from which a key of such a name chooses a file.

    Raises:
        ConfigError: a word is of another form.
    """
    known = kinds(schema)
    if positional := getattr(schema, "positional", ()):
        return [_override(word, known, groups) for word in _with_keys(words, positional)]
    return [_override(word, known, groups) for word in _with_input(words, known)]


def unknown(key: str, schema: Any) -> str:
    """Write the error line for a key that ``schema`` has not."""
    near = difflib.get_close_matches(key, keys(schema), n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"Expected a key of the configuration; received {key!r}. {hint}All keys: --cfg job"


def one_value(program: str, schema: Any, key: str, value: str) -> str:
    """Write the error line for a sweep, asked for by ``key=value`` or by the flag ``value`` without a key."""
    received = f"Expected one configuration, one value for {key or 'each key'}; received {value!r}. "
    if getattr(schema, "multirun", False):
        return f"{received}For one run of each: {program} -m {shlex.quote(f'{key}={value}')}"
    values = " ".join(shlex.quote(part) for part in value.split(",")) if key and "(" not in value else "1 2"
    place = " artifacts=out/$value" if "artifacts" in kinds(schema) else ""
    loop = f"for value in {values}; do {program} {key or 'seed'}=$value{place}; done"
    return f"{received}In a shell: {loop}"


def _with_input(words: list[str], known: dict[str, Any]) -> list[str]:
    """``words`` with the one that is a path of this machine turned into ``input=``."""
    paths = [word for word in words if "=" not in word and "input" in known and _exists(word)]
    if not paths:
        return words
    if len(paths) > 1:
        raise ConfigError(
            f"Expected one input; received {len(paths):,} paths, {paths[0]!r} first. "
            "Put the images into one folder and pass input=<folder>."
        )
    if any(word.startswith("input=") for word in words):
        raise ConfigError(f"Expected one input; received {paths[0]!r} beside input=. Leave one of them out.")
    return [f"input={_literal(paths[0])}" if word == paths[0] else word for word in words]


def _with_keys(words: list[str], positional: Sequence[str]) -> list[str]:
    """``words`` with each that has no ``=`` turned into the value of a key, in the order of the keys."""
    given = [word for word in words if "=" not in word]
    if len(given) > len(positional):
        raise ConfigError(
            f"Expected {' and '.join(positional)}, then key=value; received {given[len(positional)]!r} too. All keys: "
            "--cfg job"
        )
    for word, key in zip(given, positional, strict=False):
        if any(other.startswith(f"{key}=") for other in words):
            raise ConfigError(f"Expected one {key}; received {word!r} beside {key}=. Leave one of them out.")
    left = iter(positional)
    return [word if "=" in word else f"{next(left)}={_literal(word)}" for word in words]


def _literal(word: str) -> str:
    """Text that Hydra takes as it is typed."""
    return _quoted(INTERPOLATION.sub(r"\1\1\\${", word))


def _exists(word: str) -> bool:
    try:
        return bool(word) and Path(word).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _override(word: str, known: dict[str, Any], groups: set[str]) -> str:
    key, equals, value = word.partition("=")
    if word.startswith(("+", "~", "hydra")):
        raise ConfigError(f"Expected key=value; received {word!r}. The schema is closed: all keys: --cfg job")
    if not equals or not key:
        raise ConfigError(f"Expected key=value; received {word!r}. {_advice(word, known)}All keys: --cfg job")
    kind = known.get(key)
    if keyword.iskeyword(key) and key in known:
        key = f"{key}_"  # the field's name
    if kind in (str, str | None):
        return f"{key}={_text(value)}"
    if typing.get_origin(kind) is list and not value.startswith(("[", "${")) and value.lower() != "null":
        shown = value if value.isprintable() else "..."
        raise ConfigError(f"Expected a list for {key}; received {value!r}. Pass {key}=[{shown}]")
    if kind == list[str] and value.endswith("]"):
        return f"{key}=[{','.join(_elements(value[1:-1]))}]"
    if key in groups and NAME.fullmatch(value):
        return f"{key}={_quoted(value)}"
    return word


def _advice(word: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(word.partition(":")[0], known, n=1, cutoff=0.8)
    if near:
        return f"Did you mean {near[0]}=<value>? "
    return "No file or folder of this name is here; pass input=<path>. " if "input" in known else ""


def _text(value: str) -> str:
    return value if value.lower() == "null" or QUOTED.fullmatch(value) else _quoted(value)


def _elements(content: str) -> list[str]:
    r"""Those of a list, without its brackets; a comma that belongs to a text is ``\,`` or in quotes."""
    found, comma, at = [], content.strip(), 0
    while comma:
        match = ELEMENT.match(content, at)
        assert match
        quoted, plain, comma = match.groups()
        found.append(quoted or _text(plain.replace("\\,", ",")))
        at = match.end()
    return found


def _quoted(text: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.single).with_quotes())
