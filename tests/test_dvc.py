"""The configuration comes from the committed remote, and dvc.yaml runs what the entry points run."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Completed, Run, environment

STAGES = ("autoencoder", "classifier", "infer")


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
    values: dict[str, Any] = {}
    for item in yaml.safe_load((project / "dvc.yaml").read_text())["vars"]:
        values |= item
    keys = {f"data={values['data']}"}
    for part in ("autoencoder", "classifier"):
        keys |= {
            f"{part}.{name}={value if isinstance(value, str) else json.dumps(value)}"
            for name, value in values[part].items()
        }
    makefile = (project / "Makefile").read_text().replace("\\\n", " ")
    (line,) = (line for line in makefile.splitlines() if line.startswith("DIGITS = "))
    assert set(shlex.split(line)[2:]) == keys - {"autoencoder.hid_dim=32"}


@pytest.mark.slow
def test_repro_runs_the_pipeline_and_shows_its_figures(run: Run, clone: Path) -> None:
    stages = clone / "dvc.yaml"
    stages.write_text(stages.read_text().replace("epochs: 30", "epochs: 4").replace("epochs: 60", "epochs: 4"))
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
