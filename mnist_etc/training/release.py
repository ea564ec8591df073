"""What follows the fit of a model of the zoo: figures, release gates, model card and plots, and its publication."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.artifacts.config import FewLabelsCommand, SupervisedCommand
from mnist_etc.artifacts.fingerprint import zoo_fingerprint
from mnist_etc.artifacts.gates import GatesConfig
from mnist_etc.artifacts.remedies import supervised_command
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.attack.results import attack_error
from mnist_etc.data import Dataset
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.gates.evidence import Evidence
from mnist_etc.evaluation.gates.verdicts import Verdict, judge, refuse_failed, table, to_json
from mnist_etc.evaluation.report import Places, write_report
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.gating import in_service
from mnist_etc.export.publication import publish
from mnist_etc.export.repository import ModelRepository
from mnist_etc.files import sha256, write_json
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.predictor import Predictor
from mnist_etc.tracking.tracker import Tracker

__all__ = ["release"]


def release(command: SupervisedCommand, dataset: Dataset, tracker: Tracker, publication: ExportCommand | None) -> None:
    """Judge the finished model of ``command``, document it and, by ``publication``, publish it.

    The tracker gets the plots, whether or not a gate failed.

    Raises:
        ArtifactError: something cannot be written.
        ExportError: a check of the served graph failed; the version in service stays.
        GateError: a gate failed: the files stay as a candidate, and nothing is published.
    """
    labels = command.labels if isinstance(command, FewLabelsCommand) else None
    folder, repository = RunFolder.of(command, command.model, labels), ModelRepository(Path(command.repository))
    artifact = folder.full_model
    manifest = artifact.verify(artifact.onnx, zoo_fingerprint(command, command.model, labels), dataset.sha256)
    predictor, test = Predictor(artifact.onnx), dataset.test
    evidence = Evidence(
        probabilities=predictor.probabilities,
        test=test,
        model=artifact.onnx,
        released=in_service(repository, dataset),
        epsilon=manifest["epsilon"],
        **(_behind(publication, command.gates, predictor, dataset) if publication else {}),
    )
    verdicts = judge(command.gates, evidence)
    write_json(folder.gates, to_json(command.gates, verdicts))
    folder.card.unlink(missing_ok=True)  # should the new one not be written, none is left that tells of other gates
    figures = Figures(
        names=test.names,
        labels=test.labels,
        logits=predictor.logits(test.images),
        images=test.images,
        latency=np.concatenate(evidence.latency.calls).tolist(),
    )
    with artifact.history.open(newline="") as file:
        history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    write_report(
        Places(
            h5=artifact.h5,
            onnx=artifact.onnx,
            info=folder.info,
            metrics=folder.metrics,
            card=folder.card,
            plots=folder.plots,
        ),
        figures,
        model=command.model.name,
        manifest=manifest,
        history=history,
        verdicts=verdicts,
        command=supervised_command(command, command.model, labels=labels),
        images=_counts(dataset, labels),
        skip_visualizations=command.skip_visualizations,
    )
    if not command.skip_visualizations:
        tracker.pictures(folder.plots)
    _tell(folder, figures, verdicts)
    refuse_failed(verdicts)
    if publication:
        publish(publication, repository)


def _counts(dataset: Dataset, labels: LabelsConfig | None) -> dict[str, int]:
    if labels is None:
        return {"training": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)}
    return {"training": len(dataset.train), "asked for their labels": labels.budget or 0, "test": len(dataset.test)}


def _behind(
    publication: ExportCommand, gates: GatesConfig, predictor: Predictor, dataset: Dataset
) -> dict[str, float | None]:
    """What is known of the answers behind the output policy of ``publication``, where a gate asks for it."""
    if gates.leakage_bits is None and gates.attack_error is None:
        return {}
    judged, chosen = dataset.validation, Chosen.of(publication)
    policy = fit_policy(publication.policy, predictor.logits(judged.images), judged.labels, judged.side)
    error = attack_error(chosen.reconstruction, sha256(chosen.artifact.h5), policy.config)
    return {"leakage_bits": policy.leakage_bits(), "attack_error": error}


def _tell(folder: RunFolder, figures: Figures, verdicts: list[Verdict]) -> None:
    accuracy = figures.accuracy
    print(f"results in {folder.path}/:")
    print(f"  test accuracy  {accuracy.value:.2%}   (95 % interval {accuracy.low:.2%} to {accuracy.high:.2%})")
    print(f"  full model     {folder.full_model.onnx}")
    print(f"  model card     {folder.card}")
    if verdicts:
        print(table(verdicts))
