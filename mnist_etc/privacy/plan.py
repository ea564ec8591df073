"""What a training will guarantee its training images: planned and said before TensorFlow loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mnist_etc.models.config import FitConfig
from mnist_etc.privacy.config import Accountant, Engine, PrivacyConfig
from mnist_etc.privacy.guarantee import Stage, guarantee, no_guarantee, plan, plan_whitening

__all__ = ["PrivacyPlan"]


@dataclass(frozen=True, kw_only=True)
class PrivacyPlan:
    """The private trainings up to one in question, last that one; none where it is not private."""

    stages: tuple[Stage, ...]
    guarantee: dict[str, Any]
    engine: Engine
    delta: float
    accountant: Accountant
    private: bool

    @classmethod
    def of_autoencoder(cls, privacy: PrivacyConfig, config: FitConfig, examples: int) -> PrivacyPlan:
        """Of the autoencoder alone, on so many training images.

        Raises:
            ConfigError: no noise multiplier keeps to the privacy budget.
        """
        if not config.private:
            return cls._of(privacy, (), no_guarantee([], "trained without DP-SGD"), private=False)
        stages = (plan("autoencoder", config, privacy, examples, share=privacy.autoencoder_share),)
        return cls._of(privacy, stages, guarantee(stages, privacy), private=True)

    @classmethod
    def of_classifier(
        cls, privacy: PrivacyConfig, config: FitConfig, examples: int, *, before: Sequence[Stage], on_images: bool
    ) -> PrivacyPlan:
        """Of the classifier with all that its features rest on.

        Args:
            privacy: the budget.
            config: of the classifier.
            examples: training images.
            before: what was spent on them by the autoencoder behind the features.
            on_images: whether that saw them at all.

        Raises:
            ConfigError: no noise multiplier keeps to the privacy budget.
        """
        if not config.private:
            reason = "the classifier was trained without DP-SGD on the same images"
            return cls._of(
                privacy, (), no_guarantee(before, reason if before else "trained without DP-SGD"), private=False
            )
        whitened = [*before, plan_whitening(privacy, examples)]
        stages = (*whitened, plan("classifier", config, privacy, examples, before=whitened))
        given = guarantee(stages, privacy)
        if on_images and not before:
            reason = "the autoencoder was trained without DP-SGD on the same images (the classifier alone: "
            given = no_guarantee(stages, f"{reason}{given['words']})")
        return cls._of(privacy, stages, given, private=True)

    @property
    def epsilon_name(self) -> str:
        """What the training calls the epsilon it has spent: that of the model only where one is guaranteed."""
        name = self.stages[-1].name if self.stages else "training"
        return f"epsilon_of_{name}_alone" if self.guarantee["epsilon"] is None else "epsilon"

    def announce(self) -> None:
        """Print what will be guaranteed, where the training is private."""
        if self.private:
            words = self.guarantee["words"]
            print(f"{self.stages[-1].name}  privacy of the training images will be: {words}", flush=True)

    @classmethod
    def _of(
        cls, privacy: PrivacyConfig, stages: tuple[Stage, ...], given: dict[str, Any], *, private: bool
    ) -> PrivacyPlan:
        return cls(
            stages=stages,
            guarantee=given,
            engine=privacy.engine,
            delta=privacy.delta,
            accountant=privacy.accountant,
            private=private,
        )
