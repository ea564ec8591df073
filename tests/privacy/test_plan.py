"""The plan of a training and the guarantee: what each training spends, says and leaves in its manifest."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import spent
from mnist_etc.privacy.config import Accountant, PrivacyConfig
from mnist_etc.privacy.guarantee import Guarantee, Stage
from mnist_etc.privacy.plan import Fit, PrivacyPlan
from mnist_etc.privacy.rounding import at_least
from mnist_etc.privacy.unit import Relation, Unit

IMAGES, DELTA = 1237, 1e-4
ENCODER = Stage(
    name="autoencoder", examples=IMAGES, sampling_rate=128 / IMAGES, noise_multiplier=2.2, steps=20, l2_norm_clip=0.5
)


def privacy(**changes: object) -> PrivacyConfig:
    values = {
        "target_epsilon": 3.0,
        "noise_multiplier": None,
        "delta": DELTA,
        "accountant": Accountant.rdp,
        "engine": "fast",
        "autoencoder_share": 0.5,
        "whitening_share": 0.1,
        "images_per_owner": 8,
        "seed": None,
    }
    return PrivacyConfig(**(values | changes))


def fit(*, private: bool = True) -> Fit:
    return SimpleNamespace(private=private, epochs=2, batch_size=128, l2_norm_clip=0.5)


def autoencoder() -> PrivacyPlan:
    return PrivacyPlan.for_autoencoder(fit(), privacy(), IMAGES)


def test_an_autoencoder_spends_its_share() -> None:
    plan = autoencoder()
    assert plan.private
    assert plan.stages == (plan.stage,)
    assert (plan.stage.steps, plan.stage.batch_size, plan.stage.l2_norm_clip) == (20, 128, 0.5)
    assert 1.48 < plan.guarantee.epsilon <= 1.5
    assert plan.epsilon_name == "epsilon"


@pytest.mark.parametrize("encoder", [None, (ENCODER,)], ids=["no images seen", "private encoder"])
def test_a_classifier_spends_what_is_left_with_its_whitening(encoder: tuple[Stage, ...] | None) -> None:
    plan = PrivacyPlan.for_classifier(fit(), privacy(), IMAGES, encoder=encoder)
    assert [stage.name for stage in plan.stages] == [*("autoencoder" for _ in encoder or ()), "whitening", "classifier"]
    assert plan.whitening is plan.stages[-2]
    assert 2.98 < plan.guarantee.epsilon <= 3
    assert plan.guarantee.epsilon == spent([stage.mechanism for stage in plan.stages], DELTA, Accountant.rdp)
    assert plan.guarantee.stages == plan.stages


def test_upon_an_encoder_without_noise_nothing_is_promised() -> None:
    plan = PrivacyPlan.for_classifier(fit(), privacy(), IMAGES, encoder=())
    alone = PrivacyPlan.for_classifier(fit(), privacy(), IMAGES, encoder=None).guarantee.words
    assert plan.guarantee.epsilon is None
    assert plan.guarantee.words == (
        f"none: the autoencoder was trained without DP-SGD on the same images (the classifier alone: {alone})"
    )
    assert plan.epsilon_name == "epsilon_of_classifier_alone"
    assert plan.epsilon_by_steps().after(20) == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (None, "trained without DP-SGD"),
        ((), "trained without DP-SGD"),
        ((ENCODER,), "the classifier was trained without DP-SGD on the same images"),
    ],
)
def test_a_plain_classifier_promises_nothing_and_says_why(encoder: tuple[Stage, ...] | None, reason: str) -> None:
    plan = PrivacyPlan.for_classifier(fit(private=False), privacy(), IMAGES, encoder=encoder)
    assert not plan.private
    assert plan.stages == ()
    assert plan.guarantee == Guarantee(words=f"none: {reason}", stages=encoder or ())
    with pytest.raises(ValueError, match="plan of a private training"):
        plan.sampler(0)


def test_what_is_accounted_is_what_is_sampled() -> None:
    plan = autoencoder()
    sampler = plan.sampler(5)
    assert sampler.sampling_rate == plan.stage.sampling_rate
    assert sampler.steps_per_epoch * 2 == plan.stage.steps
    assert plan.epsilon_by_steps().after(20) == plan.guarantee.epsilon


@pytest.mark.parametrize("batch_size", [1, 3, 128, 1000, 1236, 1237])
def test_a_stages_batch_size_is_the_one_that_was_asked_for(batch_size: int) -> None:
    asked = SimpleNamespace(epochs=1, batch_size=batch_size, l2_norm_clip=1.0)
    plan = PrivacyPlan.of_training("x", asked, privacy(target_epsilon=None, noise_multiplier=1.0), IMAGES)
    assert plan.stage.batch_size == batch_size


def test_given_noise_is_the_noise_and_ten_times_that_of_the_whitening() -> None:
    given = privacy(target_epsilon=None, noise_multiplier=1.5)
    plan = PrivacyPlan.for_classifier(fit(), given, IMAGES, encoder=None)
    assert [stage.noise_multiplier for stage in plan.stages] == [15.0, 1.5]


def test_only_a_private_training_announces(capsys: pytest.CaptureFixture[str]) -> None:
    PrivacyPlan.for_autoencoder(fit(private=False), privacy(), IMAGES).announce()
    assert capsys.readouterr().out == ""
    plan = autoencoder()
    plan.announce()
    expected = f"autoencoder  privacy of the training images will be: {plan.guarantee.words}\n"
    assert capsys.readouterr().out == expected


def test_with_a_given_seed_nothing_is_promised() -> None:
    plan = PrivacyPlan.for_autoencoder(fit(), privacy(seed=987654321), IMAGES)
    otherwise = autoencoder()
    assert plan.guarantee.epsilon is None
    assert plan.guarantee.words == (
        "none: privacy.seed was given, and who learns it can take the noise off "
        f"(with privacy.seed=null: {otherwise.guarantee.words})"
    )
    assert plan.stages == plan.guarantee.stages == otherwise.stages
    assert plan.epsilon_name == "epsilon_if_the_seed_were_secret"
    assert plan.spending == otherwise.guarantee.epsilon


def test_a_given_seed_serves_one_training_only() -> None:
    plan = PrivacyPlan.for_autoencoder(fit(), privacy(seed=987654321), IMAGES)
    with pytest.raises(ValueError, match="identified plan"):
        plan.seeds()
    one = plan.identified({"dataset_sha256": "a", "stages": [1.5]})
    assert one.seeds() == one.seeds()
    for other in ({"dataset_sha256": "b", "stages": [1.5]}, {"dataset_sha256": "a", "stages": [1.25]}):
        assert not set(plan.identified(other).seeds()) & set(one.seeds())


def test_a_plan_tells_no_seed_and_cannot_be_changed() -> None:
    plan = PrivacyPlan.for_autoencoder(fit(), privacy(seed=987654321), IMAGES)
    assert "987654321" not in repr(plan)
    assert autoencoder().seeds() != autoencoder().seeds()
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.stage = None


def test_a_training_releases_its_whitening_with_it_and_what_was_before_not_again() -> None:
    assert [stage.name for stage in autoencoder().own] == ["autoencoder"]
    for encoder in (None, (), (ENCODER,)):
        plan = PrivacyPlan.for_classifier(fit(), privacy(), IMAGES, encoder=encoder)
        assert [stage.name for stage in plan.own] == ["whitening", "classifier"]
    assert PrivacyPlan.for_classifier(fit(private=False), privacy(), IMAGES, encoder=(ENCODER,)).own == ()


@pytest.mark.parametrize("encoder", [None, ()], ids=["no images seen", "plain encoder"])
def test_a_plan_for_people_counts_people(encoder: tuple[Stage, ...] | None) -> None:
    """128 images a step are 16 people with 8 images each; the accountant sees people alone."""
    plan = PrivacyPlan.for_classifier(fit(), privacy(), 160, encoder=encoder, unit=Unit.person)
    assert {(stage.unit, stage.examples) for stage in plan.stages} == {(Unit.person, 160)}
    assert (plan.stage.batch_size, plan.stage.sampling_rate, plan.stage.steps) == (16, 0.1, 20)
    assert "person-level: for all training images of any one of 160 people" in plan.guarantee.words
    images = PrivacyPlan.for_classifier(
        SimpleNamespace(private=True, epochs=2, batch_size=16, l2_norm_clip=0.5), privacy(), 160, encoder=encoder
    )
    assert plan.stage.noise_multiplier == images.stage.noise_multiplier
    assert plan.sampler(0, images=8).sampling_rate == 0.1
    assert PrivacyPlan.for_autoencoder(fit(), privacy(), 160, unit=Unit.person).guarantee.unit is Unit.person


def test_a_plan_for_people_names_what_is_wrong_with_them() -> None:
    with pytest.raises(ConfigError, match=r"below 1/160, one over the training people; received 0\.01: .*all that one"):
        PrivacyPlan.for_autoencoder(fit(), privacy(delta=1e-2), 160, unit=Unit.person)
    with pytest.raises(ConfigError, match=r"batch_size of at most 80, the 10 people times privacy.images_per_owner=8"):
        PrivacyPlan.for_autoencoder(fit(), privacy(), 10, unit=Unit.person)


def test_an_image_level_guarantee_says_what_it_is_for_a_person_with_several() -> None:
    guarantee = autoencoder().guarantee
    assert f"image-level: for any one of the {IMAGES:,} training images" in guarantee.words
    two, ten = (at_least(guarantee.for_group(size) or 0, 3) for size in (2, 10))
    figures = f"with 2 of them {two}, with 10 of them {ten}"
    assert guarantee.words.endswith(f"; for a person {figures}")
    people = PrivacyPlan.for_autoencoder(fit(), privacy(), IMAGES, unit=Unit.person).guarantee
    assert "of them" not in people.words
    small = PrivacyPlan.for_autoencoder(fit(), privacy(delta=1e-11), IMAGES).guarantee
    assert small.words.endswith("; less for a person with several of them")


def test_too_large_a_delta_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^Expected privacy\.delta below 1/1,237, .*received 0\.001: .*=8e-05 or less"
    ):
        PrivacyPlan.for_autoencoder(fit(), privacy(delta=1e-3), IMAGES)


@pytest.mark.parametrize(
    "guarantee",
    [
        Guarantee(
            words="x",
            epsilon=0.1 + 0.2,
            delta=DELTA,
            accountant=Accountant.pld,
            mu=0.7,
            relation=Relation.zero_out,
            unit=Unit.person,
            stages=(dataclasses.replace(ENCODER, unit=Unit.person),) * 2,
        ),
        Guarantee.none("trained without DP-SGD"),
        Guarantee.none("not all of it was", [ENCODER]),
    ],
    ids=["some", "none", "none over stages"],
)
def test_a_guarantee_survives_its_manifest(guarantee: Guarantee) -> None:
    content = {"privacy": guarantee.to_manifest()}
    assert Guarantee.from_manifest(json.loads(json.dumps(content))) == guarantee


def test_the_manifests_keys_stay() -> None:
    assert list(autoencoder().guarantee.to_manifest()) == [
        *("words", "epsilon", "delta", "accountant", "mu", "relation", "adjacency", "unit", "stages"),
    ]
    assert Guarantee.none("x").to_manifest() == {"words": "none: x", "epsilon": None, "stages": []}
    assert Guarantee.from_manifest({}).epsilon is None


def test_a_guarantee_says_whom_it_protects_and_what_a_person_with_more_images_has() -> None:
    """An image-level epsilon of 1.5 is nearly twice that for two images."""
    image = autoencoder().guarantee
    assert (image.unit, image.relation) == (Unit.image, Relation.zero_out)
    assert (
        f"(mu {at_least(image.mu or 0, 3)}), image-level: for any one of the 1,237 training images, autoencoder"
        in image.words
    )
    assert image.for_group(1) == pytest.approx(spent([image.stages[0].mechanism], DELTA, Accountant.pld), rel=2e-3)
    assert 1.5 * image.epsilon < image.for_group(2) < image.for_group(10)
    assert Guarantee.none("x").for_group(2) is None
    people = Guarantee.of([dataclasses.replace(ENCODER, unit=Unit.person)], privacy())
    assert "person-level: for all training images of any one of 1,237 people, autoencoder" in people.words
    assert people.to_manifest()["adjacency"].startswith("one person's contribution present or zeroed; number of people")


def test_trainings_that_protect_different_units_do_not_compose() -> None:
    with pytest.raises(ConfigError, match=r"^Expected trainings that protect the same unit; received image and person"):
        Guarantee.of([ENCODER, dataclasses.replace(ENCODER, unit=Unit.person)], privacy())
