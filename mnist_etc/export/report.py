"""The report on a trained model that is published: its figures, what it is made of, and its card."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mnist_etc.artifacts.remedies import command as training_command
from mnist_etc.artifacts.remedies import supervised_command
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.gates.verdicts import Verdict
from mnist_etc.evaluation.report import Places, write_report
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.trained_model import TrainedModel
from mnist_etc.models.zoo import ZOO
from mnist_etc.predictor import Predictor

__all__ = ["CARD", "report"]

CARD = "model_card.md"


def report(command: ExportCommand, verdicts: Sequence[Verdict], folder: Path) -> None:
    """Write ``model_card.md``, ``metrics.json`` and ``model_info.json`` on the model that ``command`` chooses.

    Args:
        command: as it was published.
        verdicts: of its release gates.
        folder: where they go.

    Raises:
        ArtifactError: The model is not there or altered, or a file cannot be written.
    """
    trained = TrainedModel.of(command)
    artifact, test = trained.artifact, trained.dataset.test
    history: list[dict[str, float]] = []
    if artifact.history.is_file():  # of a model of the zoo: one of two parts has none of its own
        with artifact.history.open(newline="") as file:
            history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    write_report(
        Places(
            h5=artifact.h5,
            onnx=artifact.onnx,
            info=folder / "model_info.json",
            metrics=folder / "metrics.json",
            card=folder / CARD,
            plots=folder,
        ),
        Figures(
            names=test.names,
            labels=test.labels,
            logits=Predictor(artifact.onnx).logits(test.images),
            images=test.images,
        ),
        model=command.model.name,
        manifest=trained.manifest,
        history=history,
        verdicts=verdicts,
        command=_training(command),
        images={
            "training": len(trained.dataset.train),
            "validation": len(trained.dataset.validation),
            "test": len(test),
        },
        skip_visualizations=True,
    )


def _training(command: ExportCommand) -> str:
    if command.model.name in ZOO:
        return supervised_command(command, command.model)
    return training_command("train", command, command.autoencoder, command.classifier)
