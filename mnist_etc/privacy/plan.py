"""The plan of a training: sampler, clip, noise and accountant, decided together and said before TensorFlow loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import EpsilonBySteps
from mnist_etc.privacy.budget import check_delta, noise_within, whitening_stage
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.privacy.guarantee import Guarantee, Stage
from mnist_etc.privacy.people import expected_people
from mnist_etc.privacy.registry import ENGINES, build_engine
from mnist_etc.privacy.sampling import LARGEST_PART, PoissonSampler
from mnist_etc.privacy.seeds import Seeds
from mnist_etc.privacy.unit import Unit

if TYPE_CHECKING:
    import keras

    from mnist_etc.privacy.engine import ClippingEngine, Loss

__all__ = ["Fit", "PrivacyPlan", "PrivateFit"]


class PrivateFit(Protocol):
    """What a plan needs to know of a private fit."""

    epochs: int
    batch_size: int
    """Expected images a step."""
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
        unit: Unit = Unit.image,
    ) -> PrivacyPlan:
        """A private training that keeps to the budget.

        A step samples ``config.batch_size`` images in expectation, or so many people that with
        ``privacy.images_per_owner`` images each they have as many.

        Args:
            name: of its stage.
            config: its epochs, expected batch size and clip.
            privacy: the budget, or the noise.
            examples: training images, or people.
            share: fraction of the target epsilon that may be spent by its end.
            before: what was spent on the same images.
            unit: what ``examples`` counts.

        Raises:
            ConfigError: delta is too large for so many units, the expected batch is larger than they are, or no noise
                multiplier keeps to the target.
            PrivacyError: the engine is not installed.
        """
        check_delta(privacy, examples, unit)
        ENGINES[privacy.engine].require_installed()
        sampler = PoissonSampler(examples=examples, batch_size=_expected(config, privacy, examples, unit), seed=0)
        steps = sampler.steps_per_epoch * config.epochs
        stage = Stage(
            name=name,
            examples=examples,
            sampling_rate=sampler.sampling_rate,
            noise_multiplier=noise_within(privacy, share, sampler.sampling_rate, steps, before),
            steps=steps,
            l2_norm_clip=config.l2_norm_clip,
            unit=unit,
        )
        guarantee = Guarantee.of([*before, stage], privacy)
        return cls(guarantee=guarantee, stage=stage, before=tuple(before), privacy=privacy, own=(stage,))

    @classmethod
    def for_autoencoder(
        cls, config: Fit, privacy: PrivacyConfig, examples: int, *, unit: Unit = Unit.image
    ) -> PrivacyPlan:
        """Of the autoencoder alone, on so many training images, or people; a private one spends its share.

        Raises:
            ConfigError: see `of_training`.
            PrivacyError: see `of_training`.
        """
        if not config.private:
            return cls.not_private()
        return cls.of_training("autoencoder", config, privacy, examples, share=privacy.autoencoder_share, unit=unit)

    @classmethod
    def for_classifier(
        cls,
        config: Fit,
        privacy: PrivacyConfig,
        examples: int,
        *,
        encoder: Sequence[Stage] | None,
        unit: Unit = Unit.image,
    ) -> PrivacyPlan:
        """Of the classifier with all that its features rest on; a private one whitens them by noised second moments.

        Args:
            config: of the classifier.
            privacy: the budget, or the noise.
            examples: training images, or people.
            encoder: private trainings of the encoder on the same images, none where it was trained without privacy;
                None: the features saw no image.
            unit: what ``examples`` counts.

        Raises:
            ConfigError: see `of_training`.
            PrivacyError: see `of_training`.
        """
        if not config.private:
            reason = "the classifier was trained without DP-SGD on the same images"
            return cls.not_private(reason, encoder) if encoder else cls.not_private()
        whitening = whitening_stage(privacy, examples, unit)
        before = (*(encoder or ()), whitening)
        plan = cls.of_training("classifier", config, privacy, examples, before=before, unit=unit)
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

    def sampler(self, seed: int, images: int = 1, at_once: int = LARGEST_PART) -> PoissonSampler:
        """The sampler of this private training, from a secret seed; see `PoissonSampler`."""
        stage, _ = self._planned
        return PoissonSampler(
            examples=stage.examples, batch_size=stage.batch_size, seed=seed, images=images, at_once=at_once
        )

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


def _expected(config: PrivateFit, privacy: PrivacyConfig, examples: int, unit: Unit) -> int:
    """Units that a step samples in expectation."""
    match unit:
        case Unit.image:
            return config.batch_size
        case Unit.person:
            people = expected_people(config.batch_size, privacy.images_per_owner)
            if people > examples:
                raise ConfigError(
                    f"Expected batch_size of at most {examples * privacy.images_per_owner:,}, the {examples:,} people "
                    f"times privacy.images_per_owner={privacy.images_per_owner}; received {config.batch_size:,}. "
                    "Pass a smaller batch_size."
                )
            return people
        case _:
            assert_never(unit)
