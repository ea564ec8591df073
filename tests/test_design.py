"""The rules that keep the layout as it is."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from imports import COMMAND, FLOOR, ORDER, File, library, loops, parsed, read
from support import ROOT, environment

from mnist_etc.__main__ import COMMANDS

LIBRARY = sorted((ROOT / "mnist_etc").rglob("*.py"))
TRAINING = sorted((ROOT / "train_").glob("*.py"))
ENTRY_POINTS = {"train_", "train", "infer", "noprotect_reconstruction"}
TENSORFLOW = {"tensorflow", "keras", "tf2onnx", "tensorflow_privacy"}
MAY_LOAD_TENSORFLOW = {"models", "privacy", "fit", "audit", "attack", "export", "training"}
"""Rooms; of the others these files may."""
FILES_THAT_MAY = {"mnist_etc.backend", "mnist_etc.tracking.tensorboard_sink"}
HEAVY = {"tensorflow", "keras", "mlflow", "onnxruntime", "hydra", "sklearn", "scipy", "matplotlib"}
FAST = {"data", "policy.graph", "tracking.tracker", "artifacts.names", "artifacts.fingerprint", "serving.perf"}
"""What answers before anything heavy is loaded, besides the floor, the doors, the schemas, the jobs and registries."""
SCREEN = 60
ARTIFACT = re.compile(
    r"^artifacts(/|$)|\bae_h|\bclsf_|\bfull_model_|_weights\b|_inference\.|_examples_|_checkpoint\.npz"
)
"""Part of a name that `mnist_etc.artifacts` gives to a file or folder."""


def told(offenders: list[str]) -> str:
    """All of them, a line each."""
    return "\n".join(["", *offenders])


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def wrong(file: File) -> Iterator[str]:
    """What is wrong with the imports of ``file``."""
    files, height = library(), {room: number for number, room in enumerate(ORDER)}
    if file.room not in height:
        yield f"{file.place}: a room that ORDER in tests/imports.py does not name"
        return
    for one in (*file.imports, *file.libraries):
        place, other = f"{file.place}:{one.line}: {one.target}", files.get(one.target)
        if one.target.split(".")[0] in ENTRY_POINTS:
            yield f"{place} stands on the library"
        elif other is None:
            if one in file.imports:
                yield f"{place} does not exist"
        elif other.door:
            yield f"{place} is a door"
        elif not file.door and height.get(other.room, 0) > height[file.room]:
            yield f"{place} stands higher ({one.kind})"


def test_imports_go_down_between_the_rooms() -> None:
    """At the top of a file, late, for types alone, and by a name in a string."""
    offenders = [line for file in library().values() for line in wrong(file)]
    assert not offenders, told(offenders)


def test_no_files_import_each_other() -> None:
    """Late imports and those for types alone included; a name in a string is how a loop is cut."""
    offenders = [" <-> ".join(group) for group in loops(library())]
    assert not offenders, told(offenders)


def test_imports_of_every_kind_are_found(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    texts = [
        "import mnist_etc.b\nimport numpy",
        "def f():\n    from mnist_etc import c",
        "if TYPE_CHECKING:\n    from mnist_etc.a import A\nelse:\n    import os",
        "ROW = Row(build='mnist_etc.a:build', other='mnist_etc.e:build')",
    ]
    files = {}
    for name, text in zip(names, texts, strict=True):
        (tmp_path / f"{name}.py").write_text(text)
        known = frozenset(f"mnist_etc.{one}" for one in names)
        files[f"mnist_etc.{name}"] = read(tmp_path / f"{name}.py", f"mnist_etc.{name}", known)
    assert [[(one.target[-1], one.kind) for one in file.imports] for file in files.values()] == [
        [("b", "top")],
        [("c", "late")],
        [("a", "typing")],
        [("a", "named")],
    ]
    assert [one.target for file in files.values() for one in file.libraries] == ["numpy", "os"]
    assert loops(files) == [["mnist_etc.a", "mnist_etc.b", "mnist_etc.c"]]


def test_files_of_the_floor_and_of_the_top_exist() -> None:
    present = {path.stem for path in (ROOT / "mnist_etc").glob("*.py")}
    assert {*FLOOR, *COMMAND} <= present
    assert present <= {*FLOOR, *COMMAND, *ORDER}


def test_doors_do_nothing_but_open() -> None:
    doors = {file.module.removeprefix("mnist_etc.") for file in library().values() if file.door}
    assert doors == {
        "privacy.audit",
        "serving.tune",
        "serving.triton",
        "export.__main__",
        "service.__main__",
        "serving.mlflow",
        "sweep.__main__",
    }


def test_only_named_rooms_load_tensorflow() -> None:
    def loads(file: File) -> list[int]:
        own = [one.line for one in file.imports if one.target == "mnist_etc.backend"]
        return own + [
            one.line for one in file.libraries if one.kind in ("top", "late") and one.target.split(".")[0] in TENSORFLOW
        ]

    offenders = [
        f"{file.place}:{line}"
        for file in library().values()
        if file.room not in MAY_LOAD_TENSORFLOW and file.module not in FILES_THAT_MAY
        for line in loads(file)
    ]
    assert not offenders, told(offenders)


def test_a_path_of_an_artifact_is_made_in_artifacts_alone() -> None:
    offenders = []
    for file in library().values():
        if file.room != "artifacts":
            for node in ast.walk(parsed(file.path)):
                if isinstance(node, ast.Attribute) and node.attr == "artifacts" and isinstance(node.ctx, ast.Load):
                    offenders.append(f"{file.place}:{node.lineno}: {ast.unparse(node)}")
                if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call):
                    offenders += [
                        f"{file.place}:{node.lineno}: {part!r}" for part in parts(node) if ARTIFACT.search(part)
                    ]
    assert not offenders, told(offenders)


def test_an_autoencoder_is_built_by_its_row_alone() -> None:
    """Whoever builds the usual one himself gets it for every row."""
    offenders = [
        f"{file.place}:{one.line}"
        for file in library().values()
        for one in file.imports
        if one.target == "mnist_etc.models.autoencoder" and one.kind != "named"
    ]
    assert not offenders, told(offenders)


def parts(node: ast.JoinedStr | ast.BinOp | ast.Call) -> list[str]:
    """The texts that ``node`` makes a path of, if it does."""
    if isinstance(node, ast.JoinedStr):
        made: list[ast.expr] = node.values
    elif isinstance(node, ast.BinOp):
        made = [node.left, node.right]
    else:
        makes = ast.unparse(node.func).rpartition(".")[2] in ("Path", "inside", "joinpath", "with_name", "with_stem")
        made = node.args if makes else []
    return [one.value for one in made if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_a_match_over_an_enum_ends_in_assert_never() -> None:
    offenders = []
    for path in LIBRARY:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Match) and any(map(names_a_member, node.cases)):
                last = ast.unparse(node.cases[-1].body[-1])
                offenders += [] if last.startswith("assert_never(") else [f"{path.relative_to(ROOT)}:{node.lineno}"]
    assert not offenders, told(offenders)


def names_a_member(case: ast.match_case) -> bool:
    """Whether its pattern is, or contains, ``Name.member``."""
    values = [one.value for one in ast.walk(case.pattern) if isinstance(one, ast.MatchValue)]
    return any(isinstance(value, ast.Attribute) for value in values)


def test_a_function_fits_a_screen() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path in [*LIBRARY, *TRAINING]
        for node in functions(parsed(path))
        if node.end_lineno and node.end_lineno - node.lineno + 1 > SCREEN
    ]
    assert not offenders, told(offenders)


@pytest.mark.parametrize("path", [*LIBRARY, *TRAINING], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_stays_short_and_loads_nothing_that_runs_code(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 300
    loaded = {one.target.split(".")[0] for one in read(path, path.stem, frozenset()).libraries}
    assert not loaded & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    calls = {
        node.func.id
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec", "__import__"}


@pytest.mark.parametrize("path", [*LIBRARY, *TRAINING], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_seeds_or_reads_a_global_generator(path: Path) -> None:
    """Whoever else draws from it would change the weights, and we their names of runs."""
    own = {"Random", "SystemRandom", "Generator", "SeedSequence", "PCG64", "Philox", "default_rng"}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("set_random_seed", "set_seed"), ast.unparse(node)
            if ast.unparse(node.value) in ("random", "np.random"):
                assert node.attr in own, ast.unparse(node)
            if ast.unparse(node.value) == "tf.random":
                assert node.attr.startswith("stateless"), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("layers.Dense", "layers.Conv2D"):
            assert "kernel_initializer" in {word.arg for word in node.keywords}, ast.unparse(node)


def test_nothing_heavy_is_loaded_before_an_answer() -> None:
    """Each row of a table of choices, each schema and each job can be named without TensorFlow."""
    targets = {target.partition(":")[0] for row in COMMANDS.values() for target in (row.schema, str(row.job))}
    modules = {f"mnist_etc.{name}" for name in FAST} | targets
    for file in library().values():
        if file.door or file.room in ("floor", "command") or file.path.stem in ("config", "registry"):
            modules.add(file.module)
    script = f"import sys, importlib; [importlib.import_module(m) for m in {sorted(modules)}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_public_names_exist_and_are_documented() -> None:
    for file in library().values():
        loads = any(one.target.split(".")[0] in TENSORFLOW | {"triton_python_backend_utils"} for one in file.libraries)
        if file.room in MAY_LOAD_TENSORFLOW or loads or file.path.name == "__main__.py" or "backends" in file.module:
            continue
        module = importlib.import_module(file.module)
        assert module.__doc__, file.module
        for public in getattr(module, "__all__", []):
            assert getattr(module, public).__doc__, f"{file.module}.{public}"


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("*.yaml")), ids=lambda path: path.name)
def test_a_configuration_begins_with_its_command(path: Path) -> None:
    first = next(line for line in path.read_text().splitlines() if not line.startswith("# @package"))
    assert first.startswith(("# python ", "# Part of every command: python "))
