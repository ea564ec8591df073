"""The tables of keys, one page a command, written from the schemas and the values of ``conf/`` before Sphinx reads.

A schema states types and ranges, the string after a field its meaning, and the composed configuration the default.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import textwrap
import types
import typing
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from sphinx.application import Sphinx

FOLDER = Path("generated", "keys")
REQUIRED = {"copy": ["source=required", "target=required"]}
"""Keys without a default."""
HEAD = "| key | default | type and range | meaning |\n| --- | --- | --- | --- |\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir)))
    return {"parallel_read_safe": True}


def schemas() -> dict[str, type]:
    """The schema of each command, by the command's name."""
    from mnist_etc.__main__ import COMMANDS
    from mnist_etc.registry import resolve

    return {name: resolve(command.schema) for name, command in COMMANDS.items()}


def write(docs: Path) -> None:
    """Write ``generated/keys/<command>.md`` for every command."""
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for command, schema in schemas().items():
        _replace(folder / f"{command}.md", page(command, schema))
    for path in folder.glob("*.md"):
        if path.stem not in schemas():
            path.unlink()


def page(command: str, schema: type) -> str:
    """The page of one command."""
    from mnist_etc.composition import compose

    with mock.patch.dict(os.environ):
        os.environ.pop("MNIST_ETC_DATA", None)
        config: Any = compose(command, schema, REQUIRED.get(command, []))
    rows = "".join(f"| {' | '.join(_cell(text) for text in row)} |\n" for row in table(config))
    return f"# Keys of `{command}`\n\n{_sentence(schema.__doc__)}\n\n{HEAD}{rows}"


def table(config: Any, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """Key, default, type and range, and meaning of each field of a composed configuration."""
    from mnist_etc.schema import key_of

    kinds, rows = typing.get_type_hints(type(config)), []
    own: list[tuple[str, str, str, str]] = []
    for field in dataclasses.fields(config):
        value, kind = getattr(config, field.name), kinds[field.name]
        if dataclasses.is_dataclass(value):
            rows += table(value, f"{prefix}{field.name}.")
        else:
            meaning = " ".join(filter(None, [_meaning(type(config), field.name), _words(kind), _rows(field.metadata)]))
            own.append((f"`{prefix}{key_of(field.name)}`", f"`{_shown(value)}`", _kind(kind, field.metadata), meaning))
    return own + rows


def _kind(kind: Any, metadata: typing.Mapping[str, Any]) -> str:
    """Such as "int, 1 to 1,024" or "one of `a`, `b`, or null"."""
    parts = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        (some,) = [part for part in parts if part is not type(None)]
        return f"{_kind(some, metadata)}, or `null`"
    if typing.get_origin(kind) is list:
        return f"list of {_kind(parts[0], metadata)}"
    if issubclass(kind, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in kind)
    if "registry" in metadata:
        return "one of " + ", ".join(f"`{name}`" for name in metadata["registry"])
    words = {bool: "`true` or `false`", str: "path" if "path" in metadata else "text"}
    name = words.get(kind, str(kind.__name__))
    if "between" in metadata:
        low, high = metadata["between"]
        return f"{name}, {_number(low)} to {_number(high)}"
    return name


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def _words(kind: Any) -> str:
    """What each choice means, where it is said."""
    choices = [part for part in (kind, *typing.get_args(kind)) if isinstance(part, type) and issubclass(part, Enum)]
    return " ".join(
        f"`{member.value}`: {said}"
        for choice in choices
        for member in choice
        if (said := _meaning(choice, member.name))
    )


def _rows(metadata: typing.Mapping[str, Any]) -> str:
    """What each row of a registry says of itself."""
    registry = metadata.get("registry", {})
    return " ".join(f"`{name}`: {said}." for name in registry if (said := getattr(registry[name], "help", "")))


def _meaning(owner: type, name: str) -> str:
    """The string after the field, in the class that declares it; of a choice without one, its class's sentence."""
    for kind in owner.__mro__:
        if name in (said := _strings(kind)):
            return _sentence(said[name])
    said_of = typing.get_type_hints(owner).get(name)
    return _sentence(said_of.__doc__) if isinstance(said_of, type) and issubclass(said_of, Enum) else ""


@cache
def _strings(kind: type) -> dict[str, str]:
    """Every attribute of a class that a string follows, and the string."""
    if kind.__module__ in ("builtins", "enum"):
        return {}
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        said = following.value if isinstance(following, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(said, ast.Constant) and isinstance(said.value, str):
            found[target.id] = said.value
    return found


def _shown(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list):
        return f"[{','.join(_shown(one) for one in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value).replace(str(Path.home()), "~") or "''"


def _sentence(docstring: str | None) -> str:
    return " ".join((docstring or "").replace("``", "`").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _replace(path: Path, text: str) -> None:
    """Leave an unchanged page as it is, so that Sphinx does not read it again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
