"""With a given seed, audits that differ in anything share neither coins nor noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mnist_etc.audit import canary_run
from mnist_etc.audit.config import AuditCommand
from mnist_etc.audit.membership_run import attack_heads
from mnist_etc.audit.moments_run import run_with_moments
from mnist_etc.composition import compose
from mnist_etc.data import Split
from mnist_etc.fit import loop
from mnist_etc.privacy import seeds

TOY = ("canaries=40", "guesses=4", "batch_size=20", "epochs=1", "privacy.seed=0", "images=20", "shadow_models=4")
NOISE = "privacy.target_epsilon=null", "privacy.noise_multiplier=1"
IMAGES = Split(np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8), np.arange(40) % 10)


def command(*keys: str) -> AuditCommand:
    return compose("audit", AuditCommand, [*TOY, *NOISE, *keys])


def drawn(asked: AuditCommand, images: Split, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every secret number that the audit draws; the heads of the membership attacks draw theirs and are not trained."""
    numbers: list[int] = []

    def recorded(given: int | None, identity: Mapping[str, Any], count: int) -> list[int]:
        found = of_seed(given, identity, count)
        numbers.extend(found)
        return found

    of_seed = seeds.secret_numbers
    with monkeypatch.context() as patch:
        patch.setattr(seeds, "secret_numbers", recorded)
        patch.setattr(canary_run, "secret_numbers", recorded)
        canary_run.run_with_canaries(asked, images)
        run_with_moments(asked, images)
        patch.setattr(loop, "fit", lambda *_, **__: None)
        attack_heads(asked, images)
    return numbers


def test_a_given_seed_gives_other_audits_other_coins_and_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    first = drawn(command(), IMAGES, monkeypatch)
    assert len(set(first)) == len(first) > 20
    one_changed = Split(np.concatenate([IMAGES.images[:-1], 255 - IMAGES.images[-1:]]), IMAGES.labels)
    assert set(drawn(command(), one_changed, monkeypatch)).isdisjoint(first)
    assert set(drawn(command("privacy.noise_multiplier=2"), IMAGES, monkeypatch)).isdisjoint(first)
