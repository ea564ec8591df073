"""What the service shows an image's sender: the attacks on a model that is being published."""

from __future__ import annotations

from pathlib import Path

import onnx

from mnist_etc.attack.prepare import Prepared, prepare
from mnist_etc.attack.sides import attackers_images, halves, leading
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.session import ServingSession
from mnist_etc.export.trained_model import TrainedModel
from mnist_etc.files import sha256

__all__ = ["TARGETS", "fit_attack"]

TARGETS = 1000
"""Validation images that the attacks are chosen by, at most."""


def fit_attack(command: ExportCommand, trained: TrainedModel, plain: ServingSession, path: Path) -> bytes:
    """``attack.onnx`` of the published graph in ``path``, whose logits ``plain`` tells; see `prepare`.

    The attacker has the training images; of a private model, as in the study, the first half of the validation images,
    since the file states exact means of them. The attacks are chosen by other validation images.
    """
    judged = trained.dataset.validation
    own = leading(attackers_images(trained.dataset, private=trained.private), command.attack.images)
    targets = leading(halves(judged)[1] if trained.private else judged, TARGETS)
    work = Prepared(
        model=onnx.load(path),
        model_sha256=sha256(path),
        logits=plain.outputs,
        own=own,
        judged=judged,
        targets=targets,
    )
    return prepare(work, command.reconstruct_policies, command.attack, command.seed)
