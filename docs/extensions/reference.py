"""The pages of the reference, one a room of the package, written before Sphinx reads.

The modules are found on disk and parsed, never imported here: a module that is renamed or added needs no edit.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PACKAGES = ("mnist_etc", "train_")
FOLDER = Path("generated", "reference")
PRIVATE = ("__main__", "backends")
"""Doors, and what runs inside of Triton."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir)))
    return {"parallel_read_safe": True}


def write(docs: Path) -> None:
    """Write ``generated/reference/<room>.rst`` for every room; a module that stands in none is a room of its own."""
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    rooms = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((docs.parent / package).rglob("*.py")):
            parts = path.relative_to(docs.parent).with_suffix("").parts
            if not set(parts) & set(PRIVATE):
                parts = parts[:-1] if parts[-1] == "__init__" else parts
                rooms[".".join(parts[: 1 if package == "train_" else 2])].append((".".join(parts), path))
    pages = {room: page(room, modules) for room, modules in rooms.items()}
    for room, text in pages.items():
        if not (at := folder / f"{room}.rst").exists() or at.read_text() != text:
            at.write_text(text)
    for at in folder.glob("*.rst"):
        if at.stem not in pages:
            at.unlink()


def page(room: str, modules: list[tuple[str, Path]]) -> str:
    """The reference page of a room."""
    lines = [room, "=" * len(room), ""]
    for module, path in modules:
        if module != room:
            lines += [module, "-" * len(module), ""]
        members = own(path)
        lines += [f".. automodule:: {module}", *([f"   :members: {', '.join(members)}"] if members else [])]
        lines += ["   :undoc-members:", ""]
    return "\n".join(lines)


def own(path: Path) -> list[str]:
    """The public names that a module defines itself; what it hands on is documented where it comes from."""
    tree = ast.parse(path.read_text())
    defined, listed = [], None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if names == ["__all__"]:
                listed = ast.literal_eval(node.value) if node.value else []
            else:
                defined += names
    return [name for name in defined if not name.startswith("_") and (listed is None or name in listed)]
