"""Can the image be rebuilt from the model's answers? Every attack against every output policy."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.fingerprint import configuration
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.attack.config import ReconstructCommand, Targets
from mnist_etc.attack.measures import measure, ratio
from mnist_etc.attack.report import write_report
from mnist_etc.attack.rows import Row, read_rows, strongest
from mnist_etc.backend import load_tensorflow
from mnist_etc.data import Split, load
from mnist_etc.errors import ConfigError, DataError
from mnist_etc.policy.config import PolicyName
from mnist_etc.policy.facts import PolicyFacts
from mnist_etc.policy.graph import answers
from mnist_etc.policy.naming import named, short_name
from mnist_etc.policy.output_policy import fit_policy

if TYPE_CHECKING:
    from mnist_etc.attack.attacks import Rebuilt
    from mnist_etc.attack.subject import Subject

__all__ = ["Study", "reconstruct", "refuse_common", "report"]

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
    names = [named(text) for text in command.policies]
    policies = [named("label"), *(config for config in names if config.name is not PolicyName.label)]
    folder = ArtifactFolder.of(command)
    full = folder.full_model(command.autoencoder, command.classifier)
    manifest = full.verified(full.h5, configuration(command, command.autoencoder, command.classifier))
    privacy = "not private" if manifest["epsilon"] is None else f"epsilon {manifest['epsilon']:.3g}"
    model = f"{command.data.name} {full.stem.removeprefix('full_model_')}, {privacy}"
    beside = [row for other in command.beside for row in read_rows(Path(other))]
    if any(row.model == model for row in beside):
        raise ConfigError(f"Expected studies of other models in beside; received one of {model!r}. Leave it out.")
    dataset = load(command.data)
    split = dataset.test if command.targets_from is Targets.test else dataset.validation
    own, targets = _sides(command, dataset.train, split)
    load_tensorflow()
    from mnist_etc.attack.attacks import rebuild
    from mnist_etc.attack.subject import Subject

    subject = Subject.of(command)
    study = Study(model, subject, own, targets, command.seed)
    logits = subject.logits(subject.codes(dataset.validation.images))
    asked = subject.logits(subject.codes(split.images))
    for config in policies:
        policy, start = fit_policy(config, logits, dataset.validation.labels), time.perf_counter()
        facts = PolicyFacts.of(policy, answers(policy, asked, split.images), split.labels)
        for rebuilt in rebuild(
            command.attack,
            subject,
            policy,
            study.own,
            study.targets,
            preset_2023=command.preset_2023,
            seed=command.seed,
        ):
            study.add(rebuilt, short_name(config), facts)
        best, seconds = strongest(study.rows)[-1], time.perf_counter() - start
        print(
            f"{best.policy:<14} MSE {best.mse:.4f}, {best.of_floor:.3f} of label alone, by {best.attack}; "
            f"accuracy {best.accuracy:.4f}, calibration error {best.calibration_error:.4f}  ({seconds:.0f} s)",
            flush=True,
        )
    place = folder.reconstruction(command.autoencoder, command.classifier)
    write_report(place, [*study.rows, *beside], study.pictures)
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


def _sides(command: ReconstructCommand, train: Split, split: Split) -> tuple[Split, Split]:
    """The attacker's images and the targets."""
    targets = Split(split.images[: command.targets], split.labels[: command.targets])
    own = Split(train.images[: command.attack.images], train.labels[: command.attack.images])
    refuse_common(own.images, targets.images)
    return own, targets


class Study:
    """What was measured so far."""

    def __init__(self, model: str, subject: Subject, own: Split, targets: Split, seed: int) -> None:
        from mnist_etc.attack.attacks import Known, Rebuilt
        from mnist_etc.attack.baselines import principal_components
        from mnist_etc.attack.evaluator import Evaluator

        self.rows: list[Row] = []
        self.own, self.targets = Known.of(subject, own.images), Known.of(subject, targets.images)
        self._model = model
        self._classify = Evaluator(own, seed)
        self._shown = np.unique(targets.labels, return_index=True)[1]
        self.pictures = [("original", self.targets.images[self._shown])]
        self._floor: NDArray[np.float64] | None = None
        everywhere = np.broadcast_to(self.own.images.mean(axis=0), self.targets.images.shape)
        linear = principal_components(self.own.images, self.targets.images, TEN)
        decoded = subject.decoded(self.targets.codes)
        for name, images in (("mean image", everywhere), (f"PCA, {TEN} components", linear), ("autoencoder", decoded)):
            self.add(Rebuilt(name, False, 0, images))

    def add(self, rebuilt: Rebuilt, policy: str = "", facts: PolicyFacts | None = None) -> None:
        """Measure what an attack made; the first attack on ``label``, the class mean, is the floor."""
        measured = measure(self.targets.images, rebuilt.images, self._classify)
        if self._floor is None and policy == PolicyName.label.value:
            self._floor = measured.squared_errors
        of_floor = None if self._floor is None else ratio(measured.squared_errors, self._floor)
        self.rows.append(Row.of(self._model, policy, facts, rebuilt, measured, of_floor))
        self.pictures.append((f"{policy}  {rebuilt.attack}".strip(), rebuilt.images[self._shown]))
