"""The configuration comes from the committed remote, and dvc.yaml runs what the entry points run."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import imports
import pytest
import yaml
from support import ROOT, SCHEMAS, Completed, Run, environment

from mnist_etc.__main__ import COMMANDS
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose

STAGES = ("autoencoder", "classifier", "infer")
TEXT = (ROOT / "dvc.yaml").read_text()
PIPELINE = yaml.safe_load(TEXT)
VALUES: dict[str, Any] = {name: value for item in PIPELINE["vars"] for name, value in item.items()}


@pytest.fixture
def clone(project: Path, tmp_path: Path) -> Path:
    """What git would clone of the project, without ``conf/``."""
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
    for name in (".dvc", "dvc_remote", "mnist_etc", "train_"):
        shutil.copytree(project / name, folder / name, symlinks=True, ignore=ignored)
    for name in (".dvcignore", ".gitignore", "conf.dvc", "dvc.yaml", "infer.py", "train.py"):
        shutil.copy(project / name, folder)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / ".venv/bin/python").chmod(0o755)
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, env=environment())
    return folder


def dvc(run: Run, folder: Path, *words: str, timeout: float = 600) -> Completed:
    """``dvc``, with the folder itself as the source of the code and no cache shared with other projects."""
    done = run("-m", "dvc", *words, cwd=folder, env={"PYTHONPATH": str(folder)}, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pull_on_a_fresh_clone_brings_the_configuration(project: Path, run: Run, clone: Path) -> None:
    missing = run("-m", "train_.pipeline", "--cfg", "job", cwd=clone, env={"PYTHONPATH": str(clone)})
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1
    assert "dvc pull conf.dvc" in missing.stderr
    dvc(run, clone, "pull", "conf.dvc")
    assert files(clone / "conf") == files(project / "conf"), "run: dvc add conf && dvc push"
    found = run("-m", "train_.pipeline", "--cfg", "job", cwd=clone, env={"PYTHONPATH": str(clone)})
    assert (found.returncode, found.stderr) == (0, "")
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    assert changed.stdout == ""


def test_an_unpacked_archive_brings_it_too(project: Path, clone: Path) -> None:
    """As GitHub gives it, without ``.git``; by the line of the Makefile."""
    shutil.rmtree(clone / ".git")
    shutil.copy(project / "Makefile", clone)
    (clone / ".venv/.installed").touch()
    for word in ("requirements.txt", "requirements-build.txt", "pyproject.toml"):
        (clone / word).touch()
        os.utime(clone / word, (0, 0))
    done = subprocess.run(["make", "conf"], cwd=clone, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(clone / "conf") == files(project / "conf")
    (clone / "conf/common.yaml").write_text("seed: 7\n")
    os.utime(clone / "conf", (0, 0))
    again = subprocess.run(["make", "conf"], cwd=clone, env=environment(), capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "touch conf" in again.stderr
    assert (clone / "conf/common.yaml").read_text() == "seed: 7\n"


def test_remotes_are_a_relative_folder_and_a_drive(project: Path) -> None:
    config = configparser.ConfigParser()
    config.read(project / ".dvc/config")
    assert config["core"]["remote"] == "local"
    assert config["core"]["analytics"] == "false"
    folder = Path(config["'remote \"local\"'"]["url"])
    assert not folder.is_absolute()
    assert (project / ".dvc" / folder).resolve() == project / "dvc_remote"
    assert config["'remote \"gdrive\"'"]["url"].startswith("gdrive://")


def test_remote_holds_the_configuration_and_nothing_else(project: Path) -> None:
    (out,) = yaml.safe_load((project / "conf.dvc").read_text())["outs"]
    listing = project / "dvc_remote/files/md5" / out["md5"][:2] / out["md5"][2:]
    wanted = {out["md5"]} | {entry["md5"] for entry in json.loads(listing.read_text())}
    stored = {path.parent.name + path.name for path in (project / "dvc_remote").rglob("*") if path.is_file()}
    assert wanted == stored, "run: rm -r dvc_remote && dvc push"


def test_stages_train_what_make_run_trains(project: Path) -> None:
    makefile = (project / "Makefile").read_text().replace("\\\n", " ")
    (line,) = (line for line in makefile.splitlines() if line.startswith("DIGITS = "))
    assert set(shlex.split(line)[2:]) == {*asked()} - {"autoencoder.hid_dim=32"}


def asked() -> list[str]:
    """What the variables of dvc.yaml ask of ``train.py``."""
    parts = [(part, name, value) for part in ("autoencoder", "classifier") for name, value in VALUES[part].items()]
    told = [f"{part}.{name}={value if isinstance(value, str) else json.dumps(value)}" for part, name, value in parts]
    return [f"data={VALUES['data']}", *told]


def test_names_are_those_of_the_artifacts() -> None:
    config = compose("train", SCHEMAS["train"], asked())
    folder, autoencoder, classifier = ArtifactFolder.of(config), config.autoencoder, config.classifier
    assert VALUES["folder"] == str(folder.path)
    assert VALUES["names"] == {
        "autoencoder": folder.autoencoder(autoencoder).stem,
        "classifier": folder.classifier(autoencoder, classifier).stem,
        "full_model": folder.full_model(autoencoder, classifier).stem,
        "inference": folder.inference(autoencoder, classifier).name,
    }
    for name in VALUES["names"].values():
        assert TEXT.count(name) == 1, f"{name} is said once, as one of vars.names"


def reached(command: str) -> set[str]:
    """The files that ``python ...`` of a stage may load, below the root."""
    words = command.split()
    entry = Path(words[1] if words[1].endswith(".py") else words[2].replace(".", "/") + ".py")
    text = (ROOT / entry).read_text()
    (name,) = re.findall(r'door\("(\w+)"\)', text)
    row = COMMANDS[name]
    roots = [target.partition(":")[0] for target in (row.schema, str(row.job))]
    files = [imports.library()[module] for module in imports.reach("mnist_etc.__main__", *roots)]
    packages = [folder / "__init__.py" for folder in entry.parents if (ROOT / folder / "__init__.py").exists()]
    return {str(entry), *map(str, packages)} | {file.place for file in files if not file.empty}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_what_its_imports_lead_to(stage: str) -> None:
    """On a room as a whole or on some of its files; nothing is left out, nothing named for nothing."""
    described = PIPELINE["stages"][stage]
    named = [word for word in described["deps"] if "$" not in word]
    files = reached(described["cmd"])
    covers = {dep: {file for file in files if file == dep or file.startswith(f"{dep}/")} for dep in named}
    missing = sorted(files.difference(*covers.values()))
    needless = sorted(dep for dep, covered in covers.items() if not covered)
    assert not missing, f"add to the deps of {stage} in dvc.yaml, or their folders"
    assert not needless, f"remove from the deps of {stage} in dvc.yaml"
    assert len(named) == len({*named}) == sum(1 for dep in named if (ROOT / dep).exists())


def test_serving_does_not_retrain() -> None:
    """Neither the attacks nor the server stand among what a training uses; a policy does, in what it registers."""
    for stage in ("autoencoder", "classifier"):
        loaded = {file.split("/")[1] for file in reached(PIPELINE["stages"][stage]["cmd"]) if "/" in file}
        assert not loaded & {
            "attack",
            "audit",
            "inference",
            "serving",
            "service",
        }  # a policy stands in what is registered


@pytest.mark.slow
def test_repro_runs_the_pipeline_and_shows_its_figures(run: Run, clone: Path) -> None:
    stages = clone / "dvc.yaml"
    stages.write_text(re.sub(r"(epochs: |_[ec]?e)[36]0(?!\d)", r"\g<1>4", stages.read_text()))
    dvc(run, clone, "pull", "conf.dvc")
    first = dvc(run, clone, "repro")
    assert [first.stdout.count(f"Running stage '{stage}'") for stage in STAGES] == [1, 1, 1]
    shown = json.loads(dvc(run, clone, "metrics", "show", "--json").stdout)
    figures = {name: entry["data"] for name, entry in shown[""]["data"].items()}
    (autoencoder,) = (data for name, data in figures.items() if "/ae_" in name)
    (classifier,) = (data for name, data in figures.items() if "/clsf_" in name)
    assert 0 < autoencoder["test_mse"] < 0.1
    assert 0.5 < classifier["test_accuracy"] <= 1
    second = dvc(run, clone, "repro")
    assert "Running stage" not in second.stdout
    assert "up to date" in second.stdout
    dvc(run, clone, "plots", "show")
    subprocess.run(["git", "checkout", "--quiet", "dvc.yaml"], cwd=clone, check=True)
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    assert changed.stdout == "?? dvc.lock\n", "of what a pipeline leaves behind, its record alone is to be committed"
