"""The release gates on what is about to be published: the served graph behind its output policy."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.artifacts.gates import GatesConfig
from mnist_etc.attack.results import attack_error
from mnist_etc.data import Dataset
from mnist_etc.evaluation.gates.evidence import Answer, Evidence
from mnist_etc.evaluation.gates.verdicts import Verdict, as_trained, judge, refuse_failed, table
from mnist_etc.export.config import ExportCommand, InputType
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.session import ServingSession
from mnist_etc.export.trained_model import TrainedModel
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["check_gates", "gates_of", "in_service"]


def gates_of(command: ExportCommand) -> GatesConfig:
    """The bounds asked for; with ``gates.as_trained`` also those that the training of a model of the zoo was given.

    Raises:
        ArtifactError: the training's are asked for, and cannot be read.
    """
    run = Chosen.of(command).run
    return as_trained(command.gates, run.gates) if command.gates.as_trained and run else command.gates


def check_gates(
    command: ExportCommand,
    gates: GatesConfig,
    trained: TrainedModel,
    policy: OutputPolicy,
    path: Path,
    repository: ModelRepository,
) -> list[Verdict]:
    """Hold the graph in ``path`` to ``gates``, print what each says and return it; those that are off measure nothing.

    Raises:
        GateError: one failed.
    """
    served, data = ServingSession(path, command.input_type), trained.dataset
    study, sha256 = Chosen.of(command).reconstruction, trained.manifest["files"][trained.artifact.h5.name]
    evidence = Evidence(
        probabilities=lambda images: policy.probabilities(served.outputs(images)),
        test=data.test,
        model=path,
        released=in_service(repository, data),
        epsilon=trained.manifest["epsilon"],
        leakage_bits=policy.leakage_bits(),
        attack_error=attack_error(study, sha256, policy.config),
    )
    if verdicts := judge(gates, evidence):
        print(table(verdicts))
    refuse_failed(verdicts)
    return verdicts


def in_service(repository: ModelRepository, dataset: Dataset) -> Answer | None:
    """What answers in the version in service; None: none is, or none of these classes and side.

    Raises:
        ArtifactError: what ``config.pbtxt`` puts into service is not there.
    """
    version = repository.in_service()
    about = {} if version is None else repository.manifest(version)
    if about.get("classes") != list(dataset.names):
        return None
    with suppress(Exception):  # ONNX Runtime's errors share no base class
        session = ServingSession(repository.model / str(version) / "model.onnx", InputType(about["input_type"]))
        if session.side == dataset.side:
            return session.outputs
    return None
