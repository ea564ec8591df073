"""Can the image be rebuilt from the model's answers? Every chosen attack against every chosen output policy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.attack.metrics import image_metrics, ratio
from mnist_etc.attack.registry import ATTACKS, FLOOR
from mnist_etc.attack.report import write_report
from mnist_etc.attack.results import Result, read_results
from mnist_etc.backend import load_tensorflow
from mnist_etc.data import Dataset, Split, load
from mnist_etc.errors import ConfigError, DataError
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy, parse_policy
from mnist_etc.policy.utility import PolicyUtility

if TYPE_CHECKING:
    from mnist_etc.attack.victim import VictimModel

__all__ = ["Study", "reconstruct", "refuse_common", "report"]

LABEL = "label"
"""The policy that is attacked first: the floor is the error on it."""
TEN = 10


def report(command: ReconstructCommand) -> None:
    """Run the study and print where it lies; raises what `reconstruct` does."""
    print(reconstruct(command))


def reconstruct(command: ReconstructCommand) -> Path:
    """Attack the model that ``command`` chooses; write tables, the frontier and the contact sheet.

    Returns:
        their folder.

    Raises:
        ArtifactError: there is no such trained model, or it is altered; or a file cannot be written.
        ConfigError: a policy is unknown or cannot be fitted, or there are too few queries.
        DataError: the data cannot be read, or targets are among the attacker's images.
    """
    policies = [parse_policy(text) for text in command.policies]
    policies = [parse_policy(LABEL), *(config for config in policies if config.name != LABEL)]
    folder = ArtifactFolder.of(command)
    model = _name(command, folder)
    beside = [result for other in command.beside for result in read_results(Path(other))]
    if any(result.model == model for result in beside):
        raise ConfigError(f"Expected studies of other models in beside; received one of {model!r}. Leave it out.")
    dataset = load(command.data)
    split: Split = getattr(dataset, command.targets_from.value)
    own, targets = _sides(command, dataset, split)
    load_tensorflow()
    from mnist_etc.attack.victim import VictimModel

    victim = VictimModel.of(command)
    study = Study(model, command, victim, own, targets)
    logits, asked = (victim.logits(victim.codes(part.images)) for part in (dataset.validation, split))
    for config in policies:
        policy, start = fit_policy(config, logits, dataset.validation.labels), time.perf_counter()
        utility = PolicyUtility.of(policy, answers(policy, asked, split.images), split.labels)
        results, name = study.attack(policy, utility), f"{format_policy(config):<14}"
        if not results:
            print(f"{name} none of the attacks fits these answers", flush=True)
            continue
        best, seconds = min(results, key=lambda one: one.mse), time.perf_counter() - start
        print(
            f"{name} MSE {best.mse:.4f}, {best.of_floor:.3f} of label alone, by {best.attack}; "
            f"accuracy {best.accuracy:.4f}, calibration error {best.calibration_error:.4f}  ({seconds:.0f} s)",
            flush=True,
        )
    place = folder.reconstruction(command.autoencoder, command.classifier)
    write_report(place, [*study.results, *beside], study.pictures)
    return place


def refuse_common(own: NDArray[np.uint8], targets: NDArray[np.uint8]) -> None:
    """Refuse targets that the attacker has already.

    Args:
        own: the attacker's images, uint8 ``(n, 28, 28)``.
        targets: ``(t, 28, 28)``.

    Raises:
        DataError: says how many.
    """
    had = {image.tobytes() for image in own}
    common = sum(image.tobytes() in had for image in targets)
    if common:
        raise DataError(
            f"Expected targets that the attacker has not; received {common:,} of {len(targets):,} that are among the "
            f"attacker's {len(own):,} images. Take them out of one side."
        )


def _name(command: ReconstructCommand, folder: ArtifactFolder) -> str:
    """The model in tables: its data, its name and the privacy of its training images."""
    full = folder.full_model(command.autoencoder, command.classifier)
    manifest = full.verify(full.h5, fingerprint(command, command.autoencoder, command.classifier))
    privacy = "not private" if manifest["epsilon"] is None else f"epsilon {manifest['epsilon']:.3g}"
    return f"{command.data.name} {full.stem.removeprefix('full_model_')}, {privacy}"


def _sides(command: ReconstructCommand, dataset: Dataset, split: Split) -> tuple[Split, Split]:
    """The attacker's images and the targets."""
    train, count = dataset.train, command.attack.images
    targets = Split(split.images[: command.targets], split.labels[: command.targets])
    own = Split(train.images[:count], train.labels[:count])
    refuse_common(own.images, targets.images)
    return own, targets


class Study:
    """The results so far; first of all those of what is no attack: mean image, principal components, autoencoder."""

    def __init__(
        self, model: str, command: ReconstructCommand, victim: VictimModel, own: Split, targets: Split
    ) -> None:
        from mnist_etc.attack.baselines import principal_components
        from mnist_etc.attack.evaluator import Evaluator

        self.results: list[Result] = []
        self._model, self._command, self._victim = model, command, victim
        self._own, self._targets = victim.examples(own), victim.examples(targets)
        self._classify = Evaluator(own, command.seed)
        self._shown = np.unique(targets.labels, return_index=True)[1]
        self.pictures = [("original", self._targets.images[self._shown])]
        self._floor: NDArray[np.float64] | None = None
        everywhere = np.broadcast_to(self._own.images.mean(axis=0), self._targets.images.shape)
        linear = principal_components(self._own.images, self._targets.images, TEN)
        decoded = victim.decode(self._targets.codes)
        for name, images in (("mean image", everywhere), (f"PCA, {TEN} components", linear), ("autoencoder", decoded)):
            self._add(name, Reconstruction(images))

    def attack(self, policy: OutputPolicy, utility: PolicyUtility) -> Sequence[Result]:
        """Run the chosen attacks that fit ``policy``; on the label, the first to be attacked, that of the floor too."""
        adversary = Adversary(
            config=self._command.attack,
            seed=self._command.seed,
            victim=self._victim,
            policy=policy,
            own=self._own,
            answers=answers(policy, self._own.logits, self._own.pixels),
            target_answers=answers(policy, self._targets.logits, self._targets.pixels),
        )
        before, linear = len(self.results), self._victim.linear_head() is not None
        for name in dict.fromkeys([FLOOR, *self._command.attacks] if self._floor is None else self._command.attacks):
            row = ATTACKS[name]
            rebuilt = row.load()(adversary) if row.applies(policy.row, linear_head=linear) else None
            if rebuilt is not None:
                self._add(row.title, rebuilt, format_policy(policy.config), utility, knows_encoder=row.knows_encoder)
        return self.results[before:]

    def _add(
        self,
        attack: str,
        reconstruction: Reconstruction,
        policy: str = "",
        utility: PolicyUtility | None = None,
        *,
        knows_encoder: bool = False,
    ) -> None:
        """Hold rebuilt images against the originals; the first under a policy are the floor's."""
        metrics = image_metrics(self._targets.images, reconstruction.images, self._classify)
        if self._floor is None and policy:
            self._floor = metrics.squared_errors
        of_floor = None if self._floor is None else ratio(metrics.squared_errors, self._floor)
        self.results.append(
            Result.of(
                self._model, policy, utility, attack, reconstruction, metrics, of_floor, knows_encoder=knows_encoder
            )
        )
        self.pictures.append((f"{policy}  {attack}".strip(), reconstruction.images[self._shown]))
