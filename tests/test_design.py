"""The rules that keep the layout as it is."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, environment

LIBRARY = sorted((ROOT / "mnist_etc").rglob("*.py"))
TRAINING = sorted((ROOT / "train_").glob("*.py"))
ENTRY_POINTS = {"train_", "train", "infer", "noprotect_reconstruction"}
WITH_TENSORFLOW = {"models", "export", "privacy", "backends", "attack"}
WITHOUT_TENSORFLOW = [
    "errors",
    "artifacts.fingerprint",
    "artifacts.names",
    "files",
    "command",
    "composition",
    "overrides",
    "schema",
    "inference.classify",
    "serving.triton",
    "serving.perf",
    "serving.tune",
    "serving.serve",
    "export.job",
    "attack.study",
    "policy.graph",
    "data",
    "tracking.tracker",
    "training.pipeline",
    "__main__",
]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or late."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_knows_nothing_of_what_stands_on_it(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] in ENTRY_POINTS}


@pytest.mark.parametrize("path", [*LIBRARY, *TRAINING], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_stays_short_and_loads_nothing_that_runs_code(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    assert not imported(path) & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec", "__import__"}


@pytest.mark.parametrize("path", [*LIBRARY, *TRAINING], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_seeds_or_reads_a_global_generator(path: Path) -> None:
    """Whoever else draws from it would change the weights, and we their names of runs."""
    own = {"Random", "SystemRandom", "Generator", "SeedSequence", "PCG64", "Philox", "default_rng"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("set_random_seed", "set_seed"), ast.unparse(node)
            if ast.unparse(node.value) in ("random", "np.random"):
                assert node.attr in own, ast.unparse(node)
            if ast.unparse(node.value) == "tf.random":
                assert node.attr.startswith("stateless"), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("layers.Dense", "layers.Conv2D"):
            assert "kernel_initializer" in {word.arg for word in node.keywords}, ast.unparse(node)


def test_tensorflow_stays_out_of_what_must_answer_fast() -> None:
    modules = [f"mnist_etc.{name}" for name in WITHOUT_TENSORFLOW]
    script = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "mlflow", "onnxruntime", "hydra", "sklearn", "scipy", "matplotlib"} & set(
        done.stdout.split()
    )


def test_public_names_exist_and_are_documented() -> None:
    for path in LIBRARY:
        if WITH_TENSORFLOW & set(path.parts) or path.name in ("__main__.py", "backend.py"):
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert module.__doc__, name
        for public in getattr(module, "__all__", []):
            assert getattr(module, public).__doc__, f"{name}.{public}"


def test_a_key_appears_only_on_purpose() -> None:
    """What ``--cfg job`` shows: users' scripts and sweeps rely on these names."""
    from mnist_etc.inference.config import InferCommand
    from mnist_etc.overrides import keys

    fit = ["epochs", "private", "l2_norm_clip", "batch_size", "optimizer", "learning_rate", "warmup"]
    privacy = ["target_epsilon", "noise_multiplier", "delta", "accountant", "engine", "autoencoder_share", "seed"]
    privacy += ["whitening_share"]
    assert sorted(keys(InferCommand)) == sorted(
        [
            *(f"data.{key}" for key in ("name", "kind", "root", "prepare", "validation", "split_seed")),
            *(f"privacy.{key}" for key in privacy),
            *(f"autoencoder.{key}" for key in [*fit, "hid_dim", "output_activation"]),
            *(f"classifier.{key}" for key in [*fit, "features", "hidden_units", "augment", "fine_tune"]),
            *(f"classifier.augmentation.{key}" for key in ("shift", "scale", "rotation", "shear", "stroke")),
            *("seed", "artifacts", "force", "run_name", "tracking_uri"),
            *("input", "model", "prepare", "polarity", "split", "show", "threads", "server", "protocol"),
        ]
    )


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("*.yaml")), ids=lambda path: path.name)
def test_a_configuration_begins_with_its_command(path: Path) -> None:
    first = next(line for line in path.read_text().splitlines() if not line.startswith("# @package"))
    assert first.startswith(("# python ", "# Part of every command: python "))
