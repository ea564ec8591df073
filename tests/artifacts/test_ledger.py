"""The ledger: all private trainings on the same data add up, whoever runs how many at once."""

from __future__ import annotations

import json
import multiprocessing
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_etc.artifacts.ledger import Ledger
from mnist_etc.data.catalog import DOWNLOADS
from mnist_etc.errors import ArtifactError, ConfigError
from mnist_etc.privacy.accounting import spent
from mnist_etc.privacy.config import Accountant, LifetimePrivacyConfig
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.rounding import at_least
from mnist_etc.privacy.unit import Unit

DATA, OTHER = "0" * 64, "1" * 64
DELTA = 1e-4


def stage(noise: float = 2.2, name: str = "classifier", rate: float = 0.1, unit: Unit = Unit.image) -> Stage:
    return Stage(
        name=name, examples=1237, sampling_rate=rate, noise_multiplier=noise, steps=20, l2_norm_clip=0.5, unit=unit
    )


def ledger(folder: Path, lifetime: float | None = None, seed: int | None = None) -> Ledger:
    return Ledger(
        LifetimePrivacyConfig(
            target_epsilon=3.0,
            noise_multiplier=None,
            delta=DELTA,
            accountant=Accountant.rdp,
            engine="fast",
            autoencoder_share=0.5,
            whitening_share=0.1,
            images_per_owner=20,
            seed=seed,
            lifetime_epsilon=lifetime,
            ledger=str(folder / "ledger.json"),
        )
    )


def epsilon(*stages: Stage) -> float:
    return spent([one.mechanism for one in stages], DELTA, Accountant.rdp)


def test_trainings_on_the_same_data_compose_and_those_on_others_do_not(tmp_path: Path) -> None:
    whitening = stage(9.0, "whitening", 1.0)
    first = ledger(tmp_path).enter("a", DATA, [whitening, stage()], "full_model")
    assert first.epsilon == pytest.approx(epsilon(whitening, stage()))
    assert ledger(tmp_path).enter("b", OTHER, [stage(1.5)], "full_model").trainings == 1
    second = ledger(tmp_path).enter("c", DATA, [stage(3.0), whitening], "full_model")
    assert second.trainings == 2
    assert second.epsilon == pytest.approx(epsilon(whitening, stage(), stage(3.0), whitening))
    assert second.words == f"epsilon {at_least(second.epsilon)} at delta 0.0001, of 2 trainings"


def test_a_resumed_training_is_counted_once(tmp_path: Path) -> None:
    once = ledger(tmp_path).enter("a", DATA, [stage()], "full_model")
    content = (tmp_path / "ledger.json").read_bytes()
    assert ledger(tmp_path).enter("a", DATA, [stage()], "full_model") == once
    assert ledger(tmp_path, lifetime=0.01).enter("a", DATA, [stage()], "full_model") == once
    assert (tmp_path / "ledger.json").read_bytes() == content


def test_more_than_the_bound_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    bound = epsilon(stage()) * 1.2
    ledger(tmp_path, bound).enter("a", DATA, [stage()], "full_model")
    before = (tmp_path / "ledger.json").read_bytes()
    words = (
        rf"^Expected privacy\.lifetime_epsilon of at least {at_least(epsilon(stage(), stage()))}, .* the 1 before it "
        rf"on the same images \(epsilon {at_least(epsilon(stage()))}, by .*\) give away; received {bound:g}\. "
    )
    for refuse in (
        lambda: ledger(tmp_path, bound).enter("b", DATA, [stage()], "full_model"),
        lambda: ledger(tmp_path, bound).check(DATA, [stage()]),
    ):
        with pytest.raises(ConfigError, match=words):
            refuse()
    assert (tmp_path / "ledger.json").read_bytes() == before
    ledger(tmp_path, bound).enter("c", OTHER, [stage()], "full_model")
    ledger(tmp_path, bound * 2).enter("b", DATA, [stage()], "full_model")


def _race(folder: str, name: str, bound: float) -> bool:
    try:
        ledger(Path(folder), bound).enter(name, DATA, [stage()], "full_model")
    except ConfigError:
        return False
    return True


def test_of_many_at_once_only_so_many_start_as_the_bound_lets(tmp_path: Path) -> None:
    bound = epsilon(stage(), stage()) * 1.01
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        started = pool.starmap(_race, [(str(tmp_path), str(number), bound) for number in range(8)])
    assert sum(started) == 2
    assert len(json.loads((tmp_path / "ledger.json").read_text())["trainings"]) == 2


def test_trainings_with_a_given_seed_are_told_apart_and_go_with_no_bound(tmp_path: Path) -> None:
    standing = ledger(tmp_path, seed=7).enter("a", DATA, [stage()], "full_model")
    assert (standing.epsilon, standing.trainings, standing.unprotected) == (0, 0, 1)
    assert "and 1 with a given privacy.seed, which guarantee nothing" in standing.words
    with pytest.raises(ConfigError, match=r"^Expected privacy\.seed=null with privacy\.lifetime_epsilon=9"):
        ledger(tmp_path, 9.0, seed=7).enter("b", DATA, [stage()], "full_model")
    with pytest.raises(ConfigError, match=r"^Expected private trainings on these images that add up"):
        ledger(tmp_path, 9.0).enter("b", DATA, [stage()], "full_model")


def test_units_do_not_add_up_with_one_another(tmp_path: Path) -> None:
    ledger(tmp_path).enter("a", DATA, [stage(unit=Unit.person)], "full_model")
    standing = ledger(tmp_path).enter("b", DATA, [stage()], "full_model")
    assert (standing.trainings, standing.apart) == (1, 1)
    assert standing.epsilon == pytest.approx(epsilon(stage()))
    with pytest.raises(ConfigError, match=r"^Expected private trainings on these images that add up"):
        ledger(tmp_path, 9.0).check(DATA, [stage()])


def test_trainings_that_deal_the_same_images_to_other_people_do_not_add_up(tmp_path: Path) -> None:
    """One image a person, then twenty: the first protects none of the second's people by its epsilon."""
    one, many, people = "2" * 64, "3" * 64, [stage(unit=Unit.person)]
    ledger(tmp_path).enter("a", DATA, people, "full_model", one)
    standing = ledger(tmp_path).enter("b", DATA, people, "full_model", many)
    assert (standing.trainings, standing.apart) == (1, 1)
    assert standing.epsilon == pytest.approx(epsilon(*people))
    with pytest.raises(ConfigError, match=r"^Expected private trainings on these images that add up"):
        ledger(tmp_path, 9.0).check(DATA, people, many)
    assert ledger(tmp_path).enter("c", DATA, people, "full_model", many).trainings == 2
    assert one not in (tmp_path / "ledger.json").read_text()


def test_a_training_with_another_validation_split_is_told_of(tmp_path: Path) -> None:
    """Its figures and pictures are of images that this one trains on, as they are."""
    ledger(tmp_path).enter("a", DATA, [stage()], "full_model", split="2" * 64)
    ledger(tmp_path).enter("b", OTHER, [stage()], "full_model", split="3" * 64)
    same = ledger(tmp_path).enter("c", DATA, [stage()], "full_model", split="2" * 64)
    assert (same.trainings, same.other_splits) == (2, 0)
    other = ledger(tmp_path).enter("d", DATA, [stage()], "full_model", split="3" * 64)
    assert (other.trainings, other.other_splits) == (3, 2)
    assert "; and 2 with another validation split, whose figures and pictures of images that were" in other.words
    assert ledger(tmp_path).enter("c", DATA, [stage()], "full_model", split="2" * 64).other_splits == 1


@pytest.mark.parametrize("damage", ["cut", "an entry taken out", "no JSON", "another schema"])
def test_a_damaged_ledger_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.json"
    ledger(tmp_path).enter("a", DATA, [stage()], "full_model")
    ledger(tmp_path).enter("b", DATA, [stage()], "full_model")
    content = json.loads(path.read_text())
    damaged = {
        "cut": path.read_text()[:-20],
        "an entry taken out": json.dumps(content | {"trainings": content["trainings"][:1]}),
        "no JSON": "epsilon",
        "another schema": "[1, 2]",
    }[damage]
    path.write_text(damaged)
    with pytest.raises(ArtifactError, match=r"^Expected .*ledger\.json as it was written; received a truncated or alt"):
        ledger(tmp_path).enter("c", DATA, [stage()], "full_model")
    assert path.read_text() == damaged


def test_without_its_key_the_ledger_says_so_and_does_not_begin_anew(tmp_path: Path) -> None:
    ledger(tmp_path).enter("a", DATA, [stage()], "full_model")
    key = tmp_path / ".privacy_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    kept = key.read_text()
    key.unlink()
    with pytest.raises(ArtifactError, match=r"^Expected .*\.privacy_key, .*; received no such file\. Put it back"):
        ledger(tmp_path).enter("b", DATA, [stage()], "full_model")
    assert not key.exists()
    key.write_text("0" * 64)
    with pytest.raises(ArtifactError, match=r"received another key\. Put it back"):
        ledger(tmp_path).standing(DATA, Unit.image)
    key.write_text("short")
    with pytest.raises(ArtifactError, match=r"^Expected 64 hexadecimal digits in .*\.privacy_key"):
        ledger(tmp_path).standing(DATA, Unit.image)
    key.write_text(kept)
    assert ledger(tmp_path).standing(DATA, Unit.image).trainings == 1


def test_it_names_no_data_in_the_open(tmp_path: Path) -> None:
    ledger(tmp_path).enter("a", DATA, [stage()], "full_model")
    assert DATA not in (tmp_path / "ledger.json").read_text()
    elsewhere = tmp_path / "elsewhere"
    ledger(elsewhere).enter("a", DATA, [stage()], "full_model")
    names = [json.loads((place / "ledger.json").read_text())["trainings"][0]["data"] for place in (tmp_path, elsewhere)]
    assert names[0] != names[1]


def test_the_trainings_that_chose_the_defaults_are_said_to_be_outside(tmp_path: Path) -> None:
    standing = ledger(tmp_path).enter("a", DATA, [stage()], "full_model")
    assert "default settings" not in standing.words
    assert "by which the default settings were chosen" in replace(standing, chose_defaults=True).words
    assert all(DOWNLOADS[name].chose_defaults for name in ("mnist", "fashion_mnist"))
