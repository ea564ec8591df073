"""The rooms of the package and the tree of its exceptions, written from the code before Sphinx reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imports import COMMAND, FLOOR, ORDER
from sphinx.application import Sphinx

FOLDER = Path("generated")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir)))
    return {"parallel_read_safe": True}


def write(docs: Path) -> None:
    """Write ``generated/rooms.inc`` and ``generated/errors.inc``.

    Raises:
        ValueError: a module or folder of the package is of no room.
    """
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    said = dict(sentences(docs.parent / "mnist_etc"))
    rooms = [name for name in dict.fromkeys([*FLOOR, *ORDER, *COMMAND]) if name in said]
    if beside := sorted(said.keys() - set(rooms)):
        raise ValueError(f"Expected a room of tests/imports.py for each place; received none for {', '.join(beside)}.")
    rows = "".join(f"| `mnist_etc/{place}` | {words} |\n" for place, words in (said[name] for name in rooms))
    (folder / "rooms.inc").write_text(f"| place | what is there |\n| --- | --- |\n{rows}")
    (folder / "errors.inc").write_text("\n".join(tree()) + "\n")


def sentences(package: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each module or folder of the package by its name: its place, and what its docstring begins with."""
    for path in sorted([*package.glob("*.py"), *package.glob("*/__init__.py")]):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        words = " ".join(docstring.partition("\n\n")[0].replace("``", "`").split())
        if path.name != "__init__.py":
            yield path.stem, (path.name, words)
        elif path.parent != package:
            yield path.parent.name, (f"{path.parent.name}/", words)


def tree() -> Iterator[str]:
    """The exceptions, a line each, children below their parents."""
    from mnist_etc.errors import MnistEtcError

    def lines(kind: type[MnistEtcError], depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}- `{kind.__name__}`, exit code {kind.exit_code}: {' '.join((kind.__doc__ or '').split())}"
        for child in kind.__subclasses__():
            yield from lines(child, depth + 1)

    yield from lines(MnistEtcError, 0)
