"""What ``--help`` shows is so: the groups can be chosen, the examples work, the command is the one that was typed."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
from support import ROOT, SCHEMAS, Run

from mnist_etc.__main__ import COMMANDS
from mnist_etc.command import run
from mnist_etc.composition import compose
from mnist_etc.data.published_rows import PUBLISHED
from mnist_etc.models.zoo import ZOO
from mnist_etc.registry import resolve

GROUPS = {
    "data": {"mnist", "digits", "fashion_mnist", "folder", "csv", "parquet", *PUBLISHED},
    "features": {"code", "scattering"},
    "model": {*ZOO},
    "gates": {"as_trained", "default", "off"},
    "policy": {path.stem for path in (ROOT / "conf/policy").glob("*.yaml")} - {"base"},
}
IN_README = {
    "train": "python train.py",
    "autoencoder": "python -m train_.autoencoder",
    "classifier": "python -m train_.classifier",
    "supervised": "python -m train_.supervised",
    "few_labels": "python -m train_.few_labels",
    "sweep": "python -m mnist_etc.sweep",
    "infer": "python infer.py",
    "export": "python -m mnist_etc.export",
    "serve": "make serve",
    "service": "python -m mnist_etc.service",
    "drift": "python -m mnist_etc drift",
    "tune": "python -m mnist_etc.serving.tune",
    "mlflow": "python -m mnist_etc.serving.mlflow",
    "reconstruct": "python noprotect_reconstruction.py",
    "audit": "python -m mnist_etc.privacy.audit",
    "labels": "python -m mnist_etc labels",
    "copy": "python -m mnist_etc copy",
}
"""How the table of commands in README calls each."""
OTHER_MODELS = {"infer": {"auto", "pretrained", "trained"}, "supervised": set(), "few_labels": set(), "sweep": set()}
"""What ``model`` may name besides the zoo's; of other commands ``trained``."""
NOT_OFFERED = {
    ("supervised", "gates"): {"as_trained"},
    ("sweep", "gates"): {"as_trained"},
    ("few_labels", "gates"): {"as_trained"},
    ("few_labels", "model"): {name for name in ZOO if ZOO[name].trains is not None},
}
"""What a command would refuse: nothing is trained yet."""
WITHOUT = {
    "train": {"model", "policy", "gates"},
    "autoencoder": {"features", "model", "policy", "gates"},
    "classifier": {"model", "policy", "gates"},
    "supervised": {"features", "policy"},
    "few_labels": {"features", "policy"},
    "sweep": {"policy"},
    "audit": {"features", "model", "policy", "gates"},
    "serve": set(GROUPS),
    "service": set(GROUPS),
    "drift": set(GROUPS),
    "mlflow": set(GROUPS),
    "copy": set(GROUPS),
    "labels": {"features", "model", "policy", "gates"},
    "export": set(),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_row_has_its_values_its_console_script_its_job_and_its_line_in_readme(command: str) -> None:
    assert (ROOT / f"conf/{command}.yaml").is_file()
    assert callable(resolve(str(COMMANDS[command].job)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"][f"mnist-etc-{command}"] == "mnist_etc.__main__:script"
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if f"`{IN_README[command]}" in line)
    assert row.startswith("| ")


@pytest.mark.parametrize("command", SCHEMAS)
def test_groups_and_examples(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["here", "--help"])
    monkeypatch.setattr("mnist_etc.command.program", lambda: "here")
    with pytest.raises(SystemExit, match="0"):
        run(command, COMMANDS[command])
    said, _, examples = capsys.readouterr().out.partition("examples:\n")
    assert COMMANDS[command].help[1:] in " ".join(said.split())
    groups = dict(
        line.strip().split("=")
        for line in said.partition("default first:")[2].partition("named experiments:")[0].splitlines()
        if line
    )
    assert groups.keys() == GROUPS.keys() - WITHOUT.get(command, {"policy", "gates"})
    models = GROUPS["model"] | OTHER_MODELS.get(command, {"trained"})
    for name, choices in groups.items():
        known = models if name == "model" else GROUPS[name]
        assert set(choices.split("|")) == known - NOT_OFFERED.get((command, name), set())
        for choice in choices.split("|") if name in ("model", "gates") else ():
            compose(command, SCHEMAS[command], [f"{name}={choice}"])
    for name, choices in groups.items():
        assert compose(command, SCHEMAS[command], []) == compose(
            command, SCHEMAS[command], [f"{name}={choices.split('|')[0]}"]
        )
    (tmp_path / "photos").mkdir()
    for line in examples.splitlines():
        compose(command, SCHEMAS[command], shlex.split(line.removeprefix("  here ")))


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (("infer.py",), "python infer.py"),
        (("-m", "train_.autoencoder"), "python -m train_.autoencoder"),
        (("-m", "mnist_etc.export"), "python -m mnist_etc.export"),
        (("-m", "mnist_etc", "serve"), "python -m mnist_etc serve"),
    ],
)
def test_the_command_is_the_one_that_was_typed(run: Run, command: tuple[str, ...], program: str) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {program} [-h]")
    assert f"\n  {program} " in done.stdout
