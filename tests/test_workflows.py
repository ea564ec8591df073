"""What runs at the hub: right by the published schema, pinned, with no more rights than needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from support import ROOT

FOLDER = ROOT / ".github" / "workflows"
SCHEMA = json.loads((ROOT / "tests/serving/schemas/github-workflows.json").read_text())
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: (?P<action>[\w-]+/[\w-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+(?:;.*)?")
RIGHTS = {("release.yml", "publish"): {"actions", "attestations", "contents", "id-token"}}
"""Of the jobs that may more than read the repository."""
TOOLS = {"cd", "gh", "make", "mv", "rmdir", "sha256sum"}

Workflow = dict[Any, Any]


def read(path: Path) -> Workflow:
    loaded: Workflow = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in loaded.items()}  # YAML 1.1 takes "on" for true


def steps(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(name, step) for name, job in read(path)["jobs"].items() for step in job["steps"]]


def test_there_are_the_three() -> None:
    assert [path.name for path in FILES] == ["audit.yml", "ci.yml", "release.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_meets_the_schema_and_a_mistake_does_not(path: Path) -> None:
    workflow = read(path)
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(workflow)] == []
    for wrong in ({"permission": {}}, {"on": {"pusch": None}}, {"jobs": {}}):
        assert not Draft7Validator(SCHEMA).is_valid(workflow | wrong), wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_a_commit_and_says_its_version(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert all(PINNED.fullmatch(line) for line in lines), lines


def test_an_action_is_pinned_by_one_commit_everywhere() -> None:
    found = {(one["action"], one["commit"]) for path in FILES for one in PINNED.finditer(path.read_text())}
    assert len(found) == len({action for action, _ in found})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_job_may_no_more_than_it_needs(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        given = job.get("permissions", workflow["permissions"])
        assert given == {"contents": "read"} or given.keys() == RIGHTS[path.name, name], name
        assert job["timeout-minutes"] <= 60
    for name, step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
            assert (path.name, name) not in RIGHTS, "who may write runs no code of the project"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_it_runs_is_there_and_holds_no_text_of_a_stranger(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    for name, step in steps(path):
        if "run" in step:
            assert "${{" not in step["run"], "a tag's name would be run: env holds it"
            for part in re.split(r"&&|\n", step["run"]):
                tool, *words = part.split()
                assert tool in TOOLS, part
                assert tool != "make" or {*words} <= targets, part
                assert tool != "make" or name in ("check", "docs", "build", "audit")


def test_every_python_promised_is_tested() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    promised = re.findall(r"Programming Language :: Python :: (3\.\d+)", text)
    assert read(FOLDER / "ci.yml")["jobs"]["check"]["strategy"]["matrix"]["python"] == promised
    assert read(FOLDER / "audit.yml")["jobs"]["audit"]["strategy"]["matrix"]["python"] == promised


def test_the_development_container_is_set_up_by_make_setup() -> None:
    folder = ROOT / ".devcontainer"
    described = json.loads((folder / "devcontainer.json").read_text())
    assert described["postCreateCommand"] == "make setup"
    assert described["build"] == {"dockerfile": "Dockerfile"}
    lines = (folder / described["build"]["dockerfile"]).read_text().splitlines()
    base = next(line for line in lines if line.startswith("FROM "))
    assert base in (ROOT / "cloud" / "Dockerfile").read_text(), "one base image, by one digest"
    assert lines[-1] == f"USER {described['remoteUser']}"
    assert any(
        f"useradd --uid 1000 --create-home --shell /bin/bash {described['remoteUser']}" in line for line in lines
    )
