"""What imports what in the library, read from the syntax of its files: nothing is loaded.

An import is of one of four kinds:

- ``top``: it runs when the file is loaded.
- ``late``: it runs when a function is called.
- ``typing``: it stands under ``if TYPE_CHECKING:`` and never runs.
- ``named``: a string ``"mnist_etc.module:name"`` (or a module's name alone), as rows of a registry hold.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import ROOT

PACKAGE = "mnist_etc"
FLOOR = (
    *("errors", "backend", "files", "registry", "schema", "overrides", "composition", "homes", "interpreter"),
    *("interrupt", "seeds", "processes", "experiments", "cluster"),
)
"""Files at the top of the package that make the lowest room."""
ORDER = (
    *("floor", "data", "labels", "models", "predictor", "privacy", "fit", "audit", "artifacts", "pretrained"),
    *(
        "evaluation",
        "tracking",
        "policy",
        "attack",
        "export",
        "training",
        "serving",
        "inference",
        "service",
        "sweep",
        "copying",
        "command",
    ),
)
"""The rooms, from the lowest up: each may import itself and those before it."""
COMMAND = ("command", "multirun", "completion", "api", "__main__", "__init__")
"""Files at the top of the package that make the highest room."""


@dataclass(frozen=True)
class Import:
    """One module that a file imports."""

    target: str
    kind: str
    line: int


@dataclass(frozen=True)
class File:
    """One file of the library."""

    path: Path
    module: str
    imports: tuple[Import, ...]
    """Of this package alone."""
    libraries: tuple[Import, ...]
    """Of other packages."""
    empty: bool
    """Nothing but a docstring."""
    door: bool
    """Nothing but ``main = door("...")``: to be run, not imported."""

    @property
    def place(self) -> str:
        """Path below the root."""
        return str(self.path.relative_to(ROOT))

    @property
    def room(self) -> str:
        """Its room in `ORDER`; for a file of no room, the name of its folder or its own."""
        name = self.path.relative_to(ROOT / PACKAGE).with_suffix("").parts[0]
        return "floor" if name in FLOOR else "command" if name in COMMAND else name


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax of a file."""
    return ast.parse(path.read_text())


@cache
def library() -> Mapping[str, File]:
    """Every file of the package, by the name of its module."""
    paths = {_module(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
    return {name: read(path, name, frozenset(paths)) for name, path in paths.items()}


def read(path: Path, module: str, known: frozenset[str]) -> File:
    """A file's imports; a string counts as one where it names a module among ``known``."""
    tree = parsed(path)
    found = [*_imports(tree, "top", known)]
    own = tuple(one for one in found if one.target.split(".")[0] == PACKAGE)
    other = tuple(one for one in found if one not in own)
    return File(path, module, own, other, empty=len(tree.body) <= 1, door=_is_door(tree))


def loops(files: Mapping[str, File]) -> list[list[str]]:
    """Groups of modules that import each other, whatever the kind of import but ``named``."""
    edges = {name: {one.target for one in file.imports if one.kind != "named"} for name, file in files.items()}
    closure = {name: _reached(name, edges) for name in edges}
    groups = {frozenset(other for other in closure[name] if name in closure[other]) for name in edges}
    return sorted(sorted(group) for group in groups if group)


def reach(*modules: str) -> set[str]:
    """The modules that running ``modules`` may load.

    The table of commands (`mnist_etc.__main__`) leads only where its own imports lead, and the package itself only
    where its imports at the top lead: what they name is for others to ask for.
    """
    files = library()

    def targets(file: File) -> set[str]:
        kinds = {"top"} if file.module == PACKAGE else {"top", "late"}
        kinds |= set() if file.room == "command" else {"named"}
        parents = {file.module.rsplit(".", count)[0] for count in range(1, file.module.count(".") + 1)}
        return {one.target for one in file.imports if one.kind in kinds} | parents

    edges = {name: targets(file) for name, file in files.items()}
    return set(modules).union(*(_reached(module, edges) for module in modules))


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    """What can be reached from ``start`` by one step or more."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = edges.get(waiting.pop(), set()) - seen
        seen |= new
        waiting += new
    return seen


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(node: ast.AST, kind: str, known: frozenset[str]) -> Iterator[Import]:
    """The imports of ``node`` and of all in it."""
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, kind, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"Expected absolute imports; received one in line {node.lineno}."
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            yield Import(module if module in known else str(node.module), kind, node.lineno)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        module = node.value.partition(":")[0]
        if module in known and module != PACKAGE:
            yield Import(module, "named", node.lineno)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, _kind(node, child, kind), known)


def _kind(node: ast.AST, child: ast.AST, kind: str) -> str:
    """The kind of an import in ``child``, a part of ``node``, which is in a place of ``kind``."""
    if isinstance(node, ast.If) and child in node.body and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return "typing"
    function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    return "late" if function and kind == "top" else kind


def _is_door(tree: ast.Module) -> bool:
    """Whether a file holds its docstring, the import of ``door``, ``main = door("...")`` and the call of main."""
    words = [ast.unparse(node) for node in tree.body[1:] if not isinstance(node, ast.If)]
    ends = [ast.unparse(node) for node in tree.body if isinstance(node, ast.If)]
    return (
        ast.get_docstring(tree) is not None
        and len(words) == 2
        and words[0] == f"from {PACKAGE}.__main__ import door"
        and words[1].startswith("main = door('")
        and ends == ["if __name__ == '__main__':\n    main()"]
    )
