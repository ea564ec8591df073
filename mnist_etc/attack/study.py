"""Can the image be rebuilt from the model's answers? Every chosen attack against every chosen output policy."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.attack.adversary import Adversary, Reconstruction
from mnist_etc.attack.by_confidence import ConfidenceRow, by_confidence
from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.attack.metrics import ImageMetrics, against, image_metrics
from mnist_etc.attack.registry import ATTACKS, FLOOR, YARDSTICK
from mnist_etc.attack.report import write_report
from mnist_etc.attack.results import Result, Seen, read_results, write_study
from mnist_etc.attack.sides import is_private, sides
from mnist_etc.attack.yardstick import shortfall
from mnist_etc.backend import load_tensorflow
from mnist_etc.data import Split, load
from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy, parse_policy
from mnist_etc.policy.utility import PolicyUtility
from mnist_etc.predictor import softmax

if TYPE_CHECKING:
    from mnist_etc.attack.victim import VictimModel

__all__ = ["Study", "reconstruct", "report"]

LABEL = "label"
"""The policy that is attacked first: the floor is the error on it."""
SHOWN = 64
"""Classes in the contact sheet, at most."""
NETWORK = "inverse_network"


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
    configs = [parse_policy(text) for text in command.policies]
    configs = [parse_policy(LABEL), *(config for config in configs if config.name != LABEL)]
    chosen = Chosen.of(command)
    model = _name(command, chosen)
    beside = [result for other in command.beside for result in read_results(Path(other))]
    if any(result.model == model for result in beside):
        raise ConfigError(f"Expected studies of other models in beside; received one of {model!r}. Leave it out.")
    dataset = load(command.data)
    split: Split = getattr(dataset, command.targets_from.value)
    own, targets = sides(command, dataset)
    if is_private(command):
        print(
            f"the attacker has {len(own):,} validation images: what a study writes of its attacker's images is exact, "
            "and the guarantee covers the training images",
            flush=True,
        )
    load_tensorflow()
    from mnist_etc.attack.victim import VictimModel

    victim = VictimModel.of(command)
    study = Study(model, command, victim, own, targets)
    logits, asked = (victim.logits(victim.codes(part.images)) for part in (dataset.validation, split))
    policies = _fitted(configs, logits, dataset.validation)
    utilities = [PolicyUtility.of(one, answers(one, asked, split.images), split.labels) for one in policies]
    for count in dict.fromkeys(command.attack.answers):
        for policy, utility in zip(policies, utilities, strict=True):
            start = time.perf_counter()
            print(_told(policy.config, study.attack(policy, utility, count), count, start), flush=True)
    place = chosen.reconstruction
    write_report(place, [*study.results, *beside], study.pictures, study.confidences)
    write_study(place, model, chosen.verified(chosen.artifact.h5)["files"][chosen.artifact.h5.name])
    return place


def _fitted(configs: Sequence[PolicyConfig], logits: NDArray[np.float32], validation: Split) -> list[OutputPolicy]:
    """The policies that can be fitted; why one cannot, as for so few classes or images, is said on stderr.

    Raises:
        ConfigError: none but the label, which always can.
    """
    policies, refused = [], []
    for config in configs:
        try:
            policies.append(fit_policy(config, logits, validation.labels, validation.side))
        except ConfigError as error:
            refused.append(error)
            print(f"{format_policy(config)} is left out. {error}", file=sys.stderr, flush=True)
    if refused and [one.config.name for one in policies] == [LABEL]:
        raise refused[0]
    return policies


def _told(config: PolicyConfig, results: Sequence[Result], count: int, start: float) -> str:
    """A line for the screen."""
    name = f"{format_policy(config):<14}"
    if not results:
        return f"{name} none of the attacks fits these answers"
    best, seconds = min(results, key=lambda one: one.mse), time.perf_counter() - start
    return (
        f"{name} {count} answer{'s' * (count > 1)}: MSE {best.mse:.4f}, {best.of_floor:.3f} of label alone, by "
        f"{best.attack}; accuracy {best.accuracy:.4f}, calibration error {best.calibration_error:.4f}  "
        f"({seconds:.0f} s)"
    )


def _name(command: ReconstructCommand, chosen: Chosen) -> str:
    """The model in tables: its data, its name and the privacy of its training images."""
    manifest = chosen.verified(chosen.artifact.h5)
    unstated = "DP-SGD, no epsilon stated" if is_private(command) else "not private"
    privacy = unstated if manifest["epsilon"] is None else f"epsilon {manifest['epsilon']:.3g}"
    return f"{command.data.name} {chosen.name}, {privacy}"


class Study:
    """The results so far; first of all those of what is no attack: mean image, principal components, autoencoder."""

    def __init__(
        self, model: str, command: ReconstructCommand, victim: VictimModel, own: Split, targets: Split
    ) -> None:
        from mnist_etc.attack.baselines import principal_components
        from mnist_etc.attack.evaluator import Evaluator

        self.results: list[Result] = []
        self.confidences: list[ConfidenceRow] = []
        self._model, self._command, self._victim = model, command, victim
        photos, seeds = max(command.attack.answers), np.random.SeedSequence(command.seed).generate_state(2)
        self._own = victim.examples(own, photos=photos, seed=int(seeds[0]))
        self._targets = victim.examples(targets, photos=photos, seed=int(seeds[1]))
        self._sure = softmax(self._targets.logits).max(axis=1)
        self._classify = Evaluator(own, command.seed)
        self._shown = np.unique(targets.labels, return_index=True)[1]
        if len(self._shown) > SHOWN:
            self._shown = self._shown[np.linspace(0, len(self._shown) - 1, SHOWN).astype(int)]
        self.pictures = [("original", self._targets.images[self._shown])]
        self._floor: tuple[Reconstruction, ImageMetrics] | None = None
        everywhere = np.broadcast_to(self._own.images.mean(axis=0), self._targets.images.shape)
        numbers = min(len(own.names), *self._own.flat.shape)
        linear = principal_components(self._own.images, self._targets.images, numbers)
        known = [("mean image", everywhere), (f"PCA, {numbers} components", linear)]
        if victim.decoder is not None:
            known.append(("autoencoder", victim.decode(self._targets.codes)))
        for name, images in known:
            rebuilt = Reconstruction(images)
            self.results.append(Result.of(name, rebuilt, self._metrics(rebuilt), model=model))
            self.pictures.append((name, images[self._shown]))

    def attack(self, policy: OutputPolicy, utility: PolicyUtility, count: int) -> Sequence[Result]:
        """Run the chosen attacks that fit ``policy`` on ``count`` answers about each target.

        The label, which is attacked first at each count, gives the floor: the strongest attack on it. Under any other
        policy whose answers name the class the attacker may fall back to that. On logits an inverse network never
        runs without its yardstick.
        """
        adversary = Adversary.seeing(
            count,
            self._targets,
            own=self._own,
            policy=policy,
            config=self._command.attack,
            seed=self._command.seed,
            model=self._victim,
        )
        is_floor, linear = policy.config.name == LABEL, self._victim.linear_head() is not None
        decoder = self._victim.decoder is not None
        made: dict[str, tuple[Reconstruction, ImageMetrics]] = {}
        names = [FLOOR, *self._command.attacks] if is_floor else self._command.attacks
        for name in dict.fromkeys([*names, YARDSTICK] if policy.row.tells_logits and NETWORK in names else names):
            row = ATTACKS[name]
            fits = row.applies(policy.row, linear_head=linear, decoder=decoder, answers=count)
            rebuilt = row.load()(adversary) if fits else None
            if rebuilt is not None:
                made[name] = rebuilt, self._metrics(rebuilt)
        if is_floor:
            told = {name: one for name, one in made.items() if count > 1 or name == FLOOR}
            self._floor = min(told.values(), key=_error)
        elif made and not policy.row.reads_image and min(map(_error, made.values())) > _error(self.floor):
            made[LABEL] = self.floor
        if policy.row.tells_logits and {NETWORK, YARDSTICK} <= made.keys():
            said = shortfall(_error(made[NETWORK]), _error(made[YARDSTICK]))
            print(*([f"warning: {said}\n"] if said else []), end="", flush=True)
        return self._add(adversary, made, utility, count)

    @property
    def floor(self) -> tuple[Reconstruction, ImageMetrics]:
        """The strongest attack on as many answers of the label alone."""
        assert self._floor is not None, "the label is attacked first"
        return self._floor

    def _metrics(self, rebuilt: Reconstruction) -> ImageMetrics:
        return image_metrics(self._targets.images, rebuilt.images, self._classify)

    def _add(
        self,
        adversary: Adversary,
        made: dict[str, tuple[Reconstruction, ImageMetrics]],
        utility: PolicyUtility,
        count: int,
    ) -> Sequence[Result]:
        """Hold rebuilt images against the originals, beside the floor."""
        policy, text = adversary.policy, format_policy(adversary.policy.config)
        seen = Seen(policy=text, answers=count, epsilon=_epsilon(policy), utility=utility)
        floor, before = self.floor[1].squared_errors, len(self.results)
        for name, (rebuilt, metrics) in made.items():
            title, knows = (
                (ATTACKS[name].title, ATTACKS[name].knows_encoder) if name != LABEL else ("label alone", False)
            )
            over = against(metrics.squared_errors, floor, self._sure)
            self.results.append(
                Result.of(title, rebuilt, metrics, model=self._model, knows_encoder=knows, of_floor=over, seen=seen)
            )
            caption = f"{text} {f'x{count}' if count > 1 else ''}  {title}"
            self.pictures.append((caption, rebuilt.images[self._shown]))
        if made:
            best = min(made, key=lambda name: _error(made[name]))
            self.confidences += by_confidence(
                policy.probabilities(adversary.target_answers).max(axis=1),
                made[best][1].squared_errors,
                floor,
                model=self._model,
                policy=text,
                answers=count,
                attack=_title(best),
            )
        return self.results[before:]


def _epsilon(policy: OutputPolicy) -> float:
    """Of local differential privacy, of one answer; not a number where the policy has none."""
    return policy.config.epsilon if policy.row.number == "epsilon" else float("nan")


def _title(attack: str) -> str:
    """In tables; the label itself stands for falling back to it."""
    return "label alone" if attack == LABEL else ATTACKS[attack].title


def _error(one: tuple[Reconstruction, ImageMetrics]) -> float:
    return one[1].mse.mean
