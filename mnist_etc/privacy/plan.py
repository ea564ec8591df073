"""The plan of a training: sampler, clip, noise and accountant, decided together and said before TensorFlow loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import EpsilonBySteps, find_noise_multiplier
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.privacy.guarantee import Guarantee, Stage
from mnist_etc.privacy.registry import ENGINES, build_engine
from mnist_etc.privacy.sampling import PoissonSampler
from mnist_etc.privacy.seeds import Seeds

if TYPE_CHECKING:
    import keras

    from mnist_etc.privacy.engine import ClippingEngine, Loss

__all__ = ["Fit", "PrivacyPlan", "PrivateFit"]

WHITENING_NOISE = 10.0
"""Noise multiplier of the whitening over that of the trainings, where the latter is given."""


class PrivateFit(Protocol):
    """What a plan needs to know of a private fit."""

    epochs: int
    batch_size: int
    """Expected examples a step."""
    l2_norm_clip: float


class Fit(PrivateFit, Protocol):
    """What a plan needs to know of any fit: the configuration of each model has it."""

    private: bool


@dataclass(frozen=True, kw_only=True)
class PrivacyPlan:
    """Of one training; what is accounted is what is done, since both are built from ``stage``."""

    guarantee: Guarantee
    """What the finished model will promise."""
    stage: Stage | None = None
    """This training; None: it is not private."""
    before: tuple[Stage, ...] = ()
    """What a private training's examples went through before: earlier private trainings, and its own whitening."""
    privacy: PrivacyConfig | None = field(default=None, repr=False)
    """Engine, accountant, delta and the seed of a private training."""
    own: tuple[Stage, ...] = ()
    """What this training itself releases: ``stage``, and its whitening."""
    identity: Mapping[str, Any] | None = field(default=None, repr=False)
    """All that its result depends on, its data among it, as JSON types; see `identified`."""

    @classmethod
    def not_private(cls, reason: str = "trained without DP-SGD", before: Sequence[Stage] = ()) -> PrivacyPlan:
        """A plain training, upon private ones of the same examples, if any.

        Args:
            reason: why there is no guarantee.
            before: those private trainings; the manifest lists them.
        """
        return cls(guarantee=Guarantee.none(reason, before))

    @classmethod
    def of_training(
        cls,
        name: str,
        config: PrivateFit,
        privacy: PrivacyConfig,
        examples: int,
        *,
        share: float = 1.0,
        before: Sequence[Stage] = (),
    ) -> PrivacyPlan:
        """A private training that keeps to the budget.

        Args:
            name: of its stage.
            config: its epochs, expected batch size and clip.
            privacy: the budget, or the noise.
            examples: training images.
            share: fraction of the target epsilon that may be spent by its end.
            before: what was spent on the same images.

        Raises:
            ConfigError: delta is too large for so many images, the expected batch is larger than they are, or no noise
                multiplier keeps to the target.
            PrivacyError: the engine is not installed.
        """
        _check_delta(privacy, examples)
        ENGINES[privacy.engine].require_installed()
        sampler = PoissonSampler(examples=examples, batch_size=config.batch_size, seed=0)
        steps = sampler.steps_per_epoch * config.epochs
        stage = Stage(
            name=name,
            examples=examples,
            sampling_rate=sampler.sampling_rate,
            noise_multiplier=_noise(privacy, share, sampler.sampling_rate, steps, before),
            steps=steps,
            l2_norm_clip=config.l2_norm_clip,
        )
        guarantee = Guarantee.of([*before, stage], privacy)
        return cls(guarantee=guarantee, stage=stage, before=tuple(before), privacy=privacy, own=(stage,))

    @classmethod
    def for_autoencoder(cls, config: Fit, privacy: PrivacyConfig, examples: int) -> PrivacyPlan:
        """Of the autoencoder alone, on so many training images; a private one spends its share of the budget.

        Raises:
            ConfigError: see `of_training`.
            PrivacyError: see `of_training`.
        """
        if not config.private:
            return cls.not_private()
        return cls.of_training("autoencoder", config, privacy, examples, share=privacy.autoencoder_share)

    @classmethod
    def for_classifier(
        cls,
        config: Fit,
        privacy: PrivacyConfig,
        examples: int,
        *,
        encoder: Sequence[Stage] | None,
    ) -> PrivacyPlan:
        """Of the classifier with all that its features rest on; a private one whitens them by noised second moments.

        Args:
            config: of the classifier.
            privacy: the budget, or the noise.
            examples: training images.
            encoder: private trainings of the encoder on the same images, none where it was trained without privacy;
                None: the features saw no image.

        Raises:
            ConfigError: see `of_training`.
            PrivacyError: see `of_training`.
        """
        if not config.private:
            reason = "the classifier was trained without DP-SGD on the same images"
            return cls.not_private(reason, encoder) if encoder else cls.not_private()
        whitening = _whitening(privacy, examples)
        plan = cls.of_training("classifier", config, privacy, examples, before=(*(encoder or ()), whitening))
        plan = replace(plan, own=(whitening, *plan.own))
        if encoder is None or encoder:
            return plan
        reason = "the autoencoder was trained without DP-SGD on the same images (the classifier alone: "
        return replace(plan, guarantee=Guarantee.none(f"{reason}{plan.guarantee.words})", plan.stages))

    @property
    def private(self) -> bool:
        """Whether this training clips and adds noise."""
        return self.stage is not None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The private trainings up to and with this one; none where it is not private."""
        return () if self.stage is None else (*self.before, self.stage)

    @property
    def whitening(self) -> Stage:
        """The release of second moments that a private classifier's features are whitened by."""
        return next(stage for stage in self.before if stage.name == "whitening")

    @property
    def epsilon_name(self) -> str:
        """What a private training calls the epsilon it has spent: the model's only where one is guaranteed."""
        if self.stage is None or self.guarantee.epsilon is not None:
            return "epsilon"
        if self.privacy is not None and self.privacy.seed is not None:
            return "epsilon_if_the_seed_were_secret"
        return f"epsilon_of_{self.stage.name}_alone"

    def announce(self) -> None:
        """Print what a private training will promise; nothing for a plain one."""
        if self.stage:
            words = self.guarantee.words
            print(f"{self.stage.name}  privacy of the training images will be: {words}", flush=True)

    def identified(self, identity: Mapping[str, Any]) -> PrivacyPlan:
        """The plan of the training that is all of ``identity``, from which seeds follow where one was given."""
        return replace(self, identity=identity)

    def seeds(self) -> Seeds:
        """Fresh secret seeds of this private training, or those that follow from the given seed and its identity.

        Raises:
            ValueError: a seed was given, and the plan is not `identified`.
        """
        _, privacy = self._planned
        if privacy.seed is not None and self.identity is None:
            raise ValueError("Expected an identified plan where privacy.seed is given; received one that is not.")
        return Seeds.draw(privacy.seed, self.identity or {})

    def sampler(self, seed: int) -> PoissonSampler:
        """The sampler of this private training, from a secret seed."""
        stage, _ = self._planned
        return PoissonSampler(examples=stage.examples, batch_size=stage.batch_size, seed=seed)

    def engine(self, model: keras.Model, loss: Loss, seed: int) -> ClippingEngine:
        """The engine of this private training for ``model``; loads TensorFlow.

        Args:
            model: every weight of it is trained.
            loss: of each example.
            seed: of the noise, secret.

        Raises:
            PrivacyError: the engine has no exact rule for a layer, or is not installed.
        """
        stage, privacy = self._planned
        return build_engine(
            privacy.engine,
            model,
            loss,
            l2_norm_clip=stage.l2_norm_clip,
            noise_multiplier=stage.noise_multiplier,
            seed=seed,
        )

    @property
    def spending(self) -> float:
        """Epsilon by the accountant of all ``stages`` of a private training, whether or not it is guaranteed."""
        return self.epsilon_by_steps().after(self._planned[0].steps)

    def epsilon_by_steps(self) -> EpsilonBySteps:
        """The accountant of this private training: epsilon after any number of its steps, ``before`` included."""
        stage, privacy = self._planned
        before = [one.mechanism for one in self.before]
        return EpsilonBySteps(stage.mechanism, privacy.delta, privacy.accountant, before)

    @property
    def _planned(self) -> tuple[Stage, PrivacyConfig]:
        if self.stage is None or self.privacy is None:
            raise ValueError("Expected the plan of a private training; received that of a plain one.")
        return self.stage, self.privacy


def _check_delta(privacy: PrivacyConfig, examples: int) -> None:
    if privacy.delta >= 1 / examples:
        raise ConfigError(
            f"Expected privacy.delta below 1/{examples:,}, one over the training images; received {privacy.delta:g}: "
            f"it would allow to publish one of them whole. Pass privacy.delta={0.1 / examples:.0e} or less."
        )


def _whitening(privacy: PrivacyConfig, examples: int) -> Stage:
    """The noised second moments that a private classifier whitens its features by: one Gaussian release of all."""
    noise = _noise(privacy, privacy.whitening_share, 1.0, 1, scale=WHITENING_NOISE)
    return Stage(
        name="whitening", examples=examples, sampling_rate=1.0, noise_multiplier=noise, steps=1, l2_norm_clip=1.0
    )


def _noise(
    privacy: PrivacyConfig,
    share: float,
    sampling_rate: float,
    steps: int,
    before: Sequence[Stage] = (),
    *,
    scale: float = 1.0,
) -> float:
    """Least noise multiplier with which that share of the budget is kept to, or the given one times ``scale``."""
    if privacy.target_epsilon is None:
        return scale * (privacy.noise_multiplier or 0.0)
    return find_noise_multiplier(
        target_epsilon=privacy.target_epsilon * share,
        delta=privacy.delta,
        sampling_rate=sampling_rate,
        steps=steps,
        accountant=privacy.accountant,
        before=[stage.mechanism for stage in before],
    )
