"""From a trained full model to a version in Triton's repository, checked before it gets its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.live import FILE as ATTACK
from mnist_etc.errors import ExportError
from mnist_etc.evaluation.drift import REFERENCE, Reference
from mnist_etc.evaluation.gates.verdicts import Verdict, bounds
from mnist_etc.export.attacks import fit_attack
from mnist_etc.export.config import ExportCommand, Variant
from mnist_etc.export.gating import check_gates, gates_of
from mnist_etc.export.graph_check import read_whole
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.session import ServingSession, speedup
from mnist_etc.export.tolerance import allowed
from mnist_etc.export.trained_model import TrainedModel
from mnist_etc.files import sha256
from mnist_etc.models.zoo import ZOO
from mnist_etc.policy.config import AUTO
from mnist_etc.policy.graph import answers, append_policy
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy
from mnist_etc.policy.utility import PolicyUtility

__all__ = ["Publication", "publish"]

COMPARED = 10_000
"""Images that the served graph and Keras are compared on."""
TOLERANCE = 1e-3
"""Between their logits, in float32."""
POLICY_TOLERANCE = 1e-6
"""Between what is served and what the policy makes of the same logits."""
MOST_LOST = 0.001
"""Fraction of the validation images by which a served graph may be worse than the model that was trained."""
TIMED_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What came of a `publish`."""

    version: int
    """In service."""
    verdicts: list[Verdict]
    """Of the release gates; empty: none was on."""


def publish(command: ExportCommand, repository: ModelRepository) -> Publication:
    """Build the graph that ``command`` asks for, check it, put it into service and print what was measured.

    Raises:
        ArtifactError: There is no such trained model, it is altered, or the repository cannot be written.
        ExportError: A check failed; the version in service stays.
        GateError: A release gate failed; the version in service stays.
    """
    trained, gates = TrainedModel.of(command), gates_of(command)
    variant = _choose_variant(command, trained)
    model = trained.graph(command.input_type, variant)
    plain = ServingSession(model.SerializeToString(), command.input_type)
    policy, about = _choose_policy(command, trained, plain)
    checked: dict[str, float] = {}
    stated: dict[str, Any] = {
        "source": {trained.artifact.onnx.name: sha256(trained.artifact.onnx)},
        "configuration": trained.manifest["configuration"],
        "variant": variant.value,
        "input_type": command.input_type.value,
        "classes": list(trained.dataset.names),
        "policy": about,
        REFERENCE: _reference(trained, policy, plain),
        "privacy": trained.manifest["privacy"],
        **({"gates": required} if (required := bounds(gates)) else {}),
    }
    attack = b""
    verdicts: list[Verdict] = []

    def write(path: Path) -> None:
        nonlocal attack
        path.write_bytes(append_policy(model, policy).SerializeToString(deterministic=True))
        checked.update(_check(command, trained, variant, policy, plain, path))
        stated["validation_accuracy"] = checked["validation accuracy"]
        if bounds(gates):
            verdicts.extend(check_gates(command, gates, trained, policy, path, repository))
        if command.reconstruct:
            attack = fit_attack(command, trained, plain, path)
            path.with_name(ATTACK).write_bytes(attack)

    version = repository.publish(
        write,
        ModelConfig(
            triton=command.triton,
            input_type=command.input_type,
            policy=policy.config.name,
            version=0,
            names=trained.dataset.names,
            side=trained.dataset.side,
        ),
        stated,
    )
    if attack:
        repository.add_attack(version, attack)
    print(f"version {version} in {repository.model}: {_words(command, variant, policy)}")
    for name, value in checked.items():
        print(f"  {name:<44}{value:.6g}")
    print(f"  privacy of the training images: {trained.manifest['privacy']['words']}")
    return Publication(version=version, verdicts=verdicts)


def _words(command: ExportCommand, variant: Variant, policy: OutputPolicy) -> str:
    return (
        f"{variant.value}, input {command.input_type.value}, output {format_policy(policy.config)}, at most "
        f"{policy.leakage_bits():.4g} bits an answer, k times that from k photos of a page"
    )


def _choose_variant(command: ExportCommand, trained: TrainedModel) -> Variant:
    """The variant asked for; for ``auto`` int8 where it is faster here and loses little."""
    match command.variant:
        case Variant.float32 | Variant.int8:
            return command.variant
        case Variant.auto:
            return _better_variant(command, trained)
        case _:
            assert_never(command.variant)


def _better_variant(command: ExportCommand, trained: TrainedModel) -> Variant:
    validation = trained.dataset.validation
    int8, float32 = (
        ServingSession(trained.graph(command.input_type, variant).SerializeToString(), command.input_type)
        for variant in (Variant.int8, Variant.float32)
    )
    times = speedup(int8, float32, validation.images[:TIMED_BATCH])
    lost = float32.accuracy(validation) - int8.accuracy(validation)
    print(f"int8: {times:.2f} times as fast at batch {TIMED_BATCH}, {100 * lost:.2f} points lost")
    return Variant.int8 if times > 1 and lost <= MOST_LOST else Variant.float32


def _choose_policy(
    command: ExportCommand, trained: TrainedModel, session: ServingSession
) -> tuple[OutputPolicy, dict[str, Any]]:
    """The policy asked for, fitted on the validation images, and what a manifest says of it.

    For ``auto`` it is the one that the search finds.
    """
    judged, config, searched = trained.dataset.validation, command.policy, {}
    if config.name == AUTO:
        from mnist_etc.attack.examples import Examples
        from mnist_etc.attack.policy_search import best_policy
        from mnist_etc.attack.sides import attackers_images, halves, leading

        own, targets = attackers_images(trained.dataset, private=trained.private), judged
        if trained.private:  # the attacker has the other half
            targets = halves(judged)[1]
        own = leading(own, command.attack.images)
        seeds, photos = np.random.SeedSequence(command.seed).generate_state(2), max(command.attack.answers)
        first, second = (
            Examples.photographed(session.outputs, side.images, side.labels, count=photos, seed=int(seed))
            for side, seed in zip((own, targets), seeds, strict=True)
        )
        found = best_policy(config, command.attack, first, second, command.seed)
        config, searched = found.policy, {"search": found.about}
    policy = fit_policy(config, session.outputs(judged.images), judged.labels, judged.side)
    return policy, {**policy.about(), **searched}


def _reference(trained: TrainedModel, policy: OutputPolicy, plain: ServingSession) -> dict[str, Any]:
    """How the answers about the validation images are spread, for ``python -m mnist_etc drift``."""
    judged = trained.dataset.validation
    told = answers(policy, plain.outputs(judged.images), judged.images)
    return Reference.measure(told, trained.dataset.names, logits=policy.row.tells_logits).plain()


def _check(
    command: ExportCommand,
    trained: TrainedModel,
    variant: Variant,
    policy: OutputPolicy,
    plain: ServingSession,
    path: Path,
) -> dict[str, float]:
    """The figures of the file in ``path``, the graph of ``plain`` with its policy, once it passed every check."""
    read_whole(path)
    images, judged = trained.images(COMPARED), trained.dataset.validation
    logits, kept = plain.outputs(images), _keras_logits(command, trained, images)
    difference = float(np.abs(logits - kept).max())
    most = allowed(TOLERANCE, kept)
    if variant is Variant.float32 and not difference < most:
        raise ExportError(
            f"Expected the served graph and Keras to agree within {most:.2g} on {len(images):,} images; received a "
            f"difference of {difference:.2g}. It was not published."
        )
    accuracy = plain.accuracy(judged)
    expected = trained.manifest["metrics"].get("validation_accuracy", accuracy)  # of few labels, none may be known
    if not (np.isfinite(logits).all() and accuracy >= expected - MOST_LOST):
        raise ExportError(
            f"Expected a validation accuracy of {expected:.4f} as trained, less {MOST_LOST} at most; received "
            f"{accuracy:.4f}. It was not published; pass variant=float32."
        )
    served = ServingSession(path, command.input_type)
    off = float(np.abs(served.outputs(images) - answers(policy, logits, images)).max())
    if not off < POLICY_TOLERANCE:
        raise ExportError(
            f"Expected the served graph to answer as policy {format_policy(policy.config)} says; received a difference "
            f"of {off:.2g}. It was not published."
        )
    utility = PolicyUtility.of(policy, served.outputs(judged.images), judged.labels)
    return {
        f"same class as Keras, of {len(images):,} images": float(np.mean(logits.argmax(1) == kept.argmax(1))),
        "largest difference of logits": difference,
        "validation accuracy": utility.accuracy,
        "validation accuracy lost by the policy": accuracy - utility.accuracy,
        "calibration error on the same images": utility.calibration_error,
    }


def _keras_logits(command: ExportCommand, trained: TrainedModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.models.answers import answer
    from mnist_etc.models.full_model import read_full_model, read_zoo_model

    path, shape = trained.artifact.h5, {"classes": len(trained.dataset.names), "side": trained.dataset.side}
    if command.model.name in ZOO:
        model = read_zoo_model(command.model, path, **shape)
    else:
        model = read_full_model(command.autoencoder, command.classifier, path, **shape)
    return answer(model, images)
