"""The model repository: nothing half, nothing lost; the version in service stays until another one is whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_etc.composition import compose
from mnist_etc.errors import ArtifactError, BusyError, ExportError
from mnist_etc.export.config import ExportCommand, InputType, VersionPolicy
from mnist_etc.export.model_config import ModelConfig, decode
from mnist_etc.export.repository import ModelRepository
from mnist_etc.files import exclusive


@pytest.fixture
def config() -> ModelConfig:
    command = compose("export", ExportCommand, ["policy=logits"])
    return ModelConfig(triton=command.triton, input_type=command.input_type, policy=command.policy.name, version=0)


@pytest.fixture
def repository(tmp_path: Path, config: ModelConfig) -> ModelRepository:
    """Versions 1, 2 and 3, of which 2 takes uint8."""
    made = ModelRepository(tmp_path / "models")
    made.publish(content(b"one"), config, {})
    made.publish(content(b"two"), replace(config, input_type=InputType.uint8), {})
    made.publish(content(b"three"), config, {})
    return made


def content(model: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(model)

    return write


def files(repository: ModelRepository) -> set[str]:
    """All but the lock."""
    return {str(path.relative_to(repository.model)) for path in repository.model.rglob("*") if path.is_file()} - {
        ".lock"
    }


def test_a_version_after_the_other(repository: ModelRepository) -> None:
    assert repository.versions() == [1, 2, 3]
    assert repository.in_service() == 3
    assert (repository.model / "2" / "model.onnx").read_bytes() == b"two"
    assert decode((repository.model / "2" / "config.pbtxt").read_text()).input_type is InputType.uint8
    for path in (repository.model, repository.model / "3"):
        assert path.stat().st_mode & 0o555 == 0o555, "a container's user reads it too"
    assert (repository.model / "3" / "model.onnx").stat().st_mode & 0o444 == 0o444


def test_the_same_again_is_no_new_version(repository: ModelRepository, config: ModelConfig) -> None:
    before = files(repository)
    assert repository.publish(content(b"three"), config, {}) == 3
    assert files(repository) == before
    assert repository.publish(content(b"three"), config, {"source": "another"}) == 4


@pytest.mark.parametrize("error", [ExportError("parity"), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_its_checks_leaves_no_trace(
    repository: ModelRepository, config: ModelConfig, error: BaseException
) -> None:
    before = files(repository)

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises((ExportError, ArtifactError, KeyboardInterrupt)):
        repository.publish(write, config, {})
    assert files(repository) == before
    assert repository.in_service() == 3


def test_a_first_version_that_fails_leaves_no_folder_of_a_model(tmp_path: Path, config: ModelConfig) -> None:
    def write(_: Path) -> None:
        raise ExportError("parity")

    with pytest.raises(ExportError):
        ModelRepository(tmp_path).publish(write, config, {})
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_rollback_brings_back_version_and_configuration(repository: ModelRepository, config: ModelConfig) -> None:
    assert repository.rollback() == 2
    served = decode(repository.config.read_text())
    assert (served.version, served.input_type) == (2, InputType.uint8)
    assert repository.rollback() == 1
    with pytest.raises(ArtifactError, match=r"^Expected a version before 1 in .*; received \[1, 2, 3\]"):
        repository.rollback()
    assert repository.publish(content(b"four"), config, {}) == 4
    assert repository.in_service() == 4


def test_prune_keeps_the_newest_and_the_one_in_service(repository: ModelRepository) -> None:
    repository.rollback()
    repository.rollback()
    assert repository.prune(1) == [2]
    assert repository.versions() == [1, 3]
    assert repository.in_service() == 1


def test_of_policy_latest_a_rollback_names_its_version(repository: ModelRepository, config: ModelConfig) -> None:
    latest = replace(config, triton=replace(config.triton, version_policy=VersionPolicy.latest))
    assert repository.publish(content(b"four"), latest, {}) == 4
    assert repository.in_service() == 4
    assert repository.rollback() == 3
    assert decode(repository.config.read_text()).triton.version_policy is VersionPolicy.specific


def test_a_version_of_unknown_origin_is_not_put_into_service(repository: ModelRepository) -> None:
    (repository.model / "2" / "config.pbtxt").unlink()
    with pytest.raises(ArtifactError, match="version 2 was not published by"):
        repository.rollback()
    assert repository.in_service() == 3


def test_prune_after_one_that_was_killed(repository: ModelRepository) -> None:
    """What it left is neither in the way nor, since it is nobody's any more by its name alone, removed."""
    for place in (repository.model.parents[1], repository.model.parent, repository.model):
        (place / ".tmp_1" / "deep").mkdir(parents=True)
    assert repository.prune(1) == [1, 2]
    assert (repository.model / ".tmp_1").is_dir()


def test_prune_keeps_what_export_did_not_write(repository: ModelRepository) -> None:
    (repository.model / "1" / "notes.txt").write_text("mine")
    (repository.model / "2" / "manifest.json").write_text("{}")
    assert repository.prune(1) == []
    assert repository.versions() == [1, 2, 3]


def test_what_lies_beside_the_repository_stays(tmp_path: Path, config: ModelConfig) -> None:
    """The folder above the one that the user named is the user's."""
    thesis = tmp_path / "other" / ".tmp_precious" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    for path in (thesis, thesis.parent):
        os.utime(path, (0, 0))
    made = ModelRepository(tmp_path / "models")
    made.publish(content(b"one"), config, {})
    made.publish(content(b"two"), config, {})
    made.rollback()
    made.prune(1)
    assert thesis.read_text() == "years of work"
    assert {path.name for path in tmp_path.iterdir()} == {"models", "other", ".models.lock"}


def test_a_repository_that_nothing_can_be_published_into(repository: ModelRepository, tmp_path: Path) -> None:
    ModelRepository(tmp_path / "not" / "there").check()
    repository.check()
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file" / "within"):
        with pytest.raises(ArtifactError, match=r"^Expected a folder to publish into, .*file.*; received"):
            ModelRepository(place).check()
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "models", ".models.lock"}


def test_a_busy_repository_names_its_own_key(repository: ModelRepository) -> None:
    with exclusive(repository._lock), pytest.raises(BusyError, match="pass repository=<another folder>"):
        repository.prune(1)


def test_a_version_brings_the_names_of_its_classes(repository: ModelRepository, config: ModelConfig) -> None:
    """By one rename, forth and back: which labels Triton reads is said by ``config.pbtxt`` alone."""
    repository.publish(content(b"three"), replace(config, names=("no", "yes"), side=32), {})
    for version, names in ((4, ("no", "yes")), (3, config.names)):
        served = decode(repository.config.read_text())
        assert (served.version, served.names) == (version, names)
        labels = f"{version}/labels.txt"
        assert labels in repository.config.read_text()
        assert tuple((repository.model / labels).read_text().splitlines()) == names
        repository.rollback()
    repository.rollback()
    assert repository.publish(content(b"three"), replace(config, names=("no", "yes"), side=32), {}) == 4
    assert repository.publish(content(b"three"), replace(config, names=("yes", "no"), side=32), {}) == 5
    assert repository.prune(1) == [1, 2, 3, 4]
