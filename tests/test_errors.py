"""The drawing on top of ``errors.py`` is the tree of its classes, and nothing ends a command with another code."""

from __future__ import annotations

import re

from mnist_etc import errors
from mnist_etc.errors import ExitCode, MnistEtcError


def drawn() -> tuple[dict[str, tuple[str | None, int]], dict[str, int]]:
    """Parent and exit code of each exception, and the codes that need none, as the drawing has them."""
    tree: dict[str, tuple[str | None, int]] = {}
    above: list[str] = []
    for indent, name, code in re.findall(r"^( *)[*+] (\w+) +(\d+) ", errors.__doc__ or "", re.MULTILINE):
        above[len(indent) // 2 :] = [name]
        tree[name] = (above[-2] if len(above) > 1 else None, int(code))
    others = re.findall(r"\b([A-Z_]{2,}) (\d+)", errors.__doc__ or "")
    return tree, {name: int(code) for name, code in others}


def test_the_drawing_is_the_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MnistEtcError)]
    tree = {
        each.__name__: (None if each is MnistEtcError else each.__bases__[0].__name__, int(each.exit_code))
        for each in classes
    }
    assert drawn()[0] == tree


def test_the_names_are_those_that_users_catch() -> None:
    assert sorted(errors.__all__) == [
        "ArtifactError",
        "BusyError",
        "ConfigError",
        "DataError",
        "ExitCode",
        "ExportError",
        "GateError",
        "MnistEtcError",
        "PrivacyError",
        "ServingError",
        "TrainingError",
    ]


def test_every_exit_code_is_in_the_drawing() -> None:
    tree, others = drawn()
    assert {code for _, code in tree.values()} | set(others.values()) == set(ExitCode)
    assert others == {name: ExitCode[name] for name in others}


def test_the_exit_codes_are_those_that_users_scripts_know() -> None:
    assert {name: int(code) for name, code in ExitCode.__members__.items()} == {
        "DONE": 0,
        "FAILED": 1,
        "WRONG_CONFIGURATION": 2,
        "SOME_SKIPPED": 3,
        "GATES_FAILED": 3,
        "DRIFTED": 3,
        "INTERRUPTED": 130,
        "READER_GONE": 141,
        "TERMINATED": 143,
    }
