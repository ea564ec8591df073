"""What a policy says about itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.export.config import ExportCommand
from mnist_etc.policy.config import AUTO
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy, rehearse_policy
from mnist_etc.policy.registry import POLICIES, PolicyRow
from mnist_etc.policy.specification import format_policy, parse_policy

LOGITS = np.random.default_rng(0).normal(0, 3, (2000, 10)).astype(np.float32)
LABELS = np.where(np.random.default_rng(1).random(2000) < 0.8, LOGITS.argmax(axis=1), 0)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("logits", 320),
        ("label", math.log2(10)),
        ("levels:1", math.log2(10)),
        ("levels:4", math.log2(40)),
        ("noisy:20", math.log2(10)),
        ("noisy:0.01", 0.0129777),
    ],
)
def test_leakage(name: str, bits: float) -> None:
    assert fit_policy(parse_policy(name), LOGITS, LABELS).leakage_bits() == pytest.approx(bits, abs=1e-4)


def maximal_leakage(channel: NDArray[np.float64]) -> float:
    """By its definition: log2 of the sum over answers (columns) of the greatest probability for any input (rows)."""
    return math.log2(channel.max(axis=0).sum())


@pytest.mark.parametrize(("epsilon", "bits"), [(1, 1.21), (8, 3.32), (0.01, 0.01)])
def test_leakage_of_a_noisy_policy_is_maximal_leakage(epsilon: float, bits: float) -> None:
    """Of k-ary randomized response, from the formula of its paper; its capacity is 0.11 at epsilon 1."""
    one = fit_policy(parse_policy(f"noisy:{epsilon}"), LOGITS, LABELS)
    channel = (np.ones((10, 10)) + np.eye(10) * math.expm1(epsilon)) / (math.exp(epsilon) + 9)
    assert one.leakage_bits() == pytest.approx(maximal_leakage(channel))
    assert one.leakage_bits() == pytest.approx(bits, abs=0.01)
    assert one.leakage_bits() <= epsilon * math.log2(math.e), "as for any epsilon-private answer"


@pytest.mark.parametrize("name", ["label", "levels:1", "levels:3", "levels:10"])
def test_leakage_of_a_policy_without_noise_is_of_the_same_kind(name: str) -> None:
    """Each image gives one answer for certain, and each answer that there is comes up."""
    one = fit_policy(parse_policy(name), LOGITS, LABELS)
    turned = np.concatenate([np.roll(LOGITS, step, axis=1) for step in range(10)])
    kinds, which = np.unique(answers(one, turned), axis=0, return_inverse=True)
    assert one.leakage_bits() == pytest.approx(maximal_leakage(np.eye(len(kinds))[which.ravel()]))


@pytest.mark.parametrize("epsilon", [1, 4])
def test_leakage_is_what_an_answer_adds_to_guessing_the_class(epsilon: float) -> None:
    """Measured on answers: who guesses, of ten equally likely classes, the answer is right so much oftener."""
    one = fit_policy(parse_policy(f"noisy:{epsilon}"), LOGITS, LABELS)
    count = 20_000
    images = np.random.default_rng(3).integers(0, 256, (count, 28, 28), np.uint8)
    classes = np.arange(count) % 10
    right = np.mean(answers(one, np.eye(10, dtype=np.float32)[classes], images).argmax(axis=1) == classes)
    deviation = math.sqrt(right * (1 - right) / count)
    assert abs(2 ** one.leakage_bits() / 10 - right) < 4.5 * deviation


def test_a_model_that_is_sure_of_most_images_has_a_crowd_too() -> None:
    """Of a good model the top probability of more than half of the images is 1 to the last bit of a float32."""
    margins = np.random.default_rng(4).uniform(10, 40, 2000)[:, None].astype(np.float32)
    logits = margins * np.eye(10, dtype=np.float32)[np.arange(2000) % 10]
    one = fit_policy(parse_policy("levels:2"), logits, np.where(margins[:, 0] < 11, 0, np.arange(2000) % 10))
    told = answers(one, logits).max(axis=1)
    assert (told == told.min()).mean() == pytest.approx(0.8, abs=0.01)


def test_roundings_are_counted_generously() -> None:
    """Every vector of tenths that sums to nearly one is among them: counted one by one for three decimals' sum."""
    bits = fit_policy(parse_policy("rounded:1"), LOGITS, LABELS).leakage_bits()
    counted = sum(math.comb(total + 9, 9) for total in range(5, 16))
    assert bits == pytest.approx(math.log2(counted))
    sums = np.rint(10 * np.random.default_rng(0).dirichlet(np.full(10, 0.7), 100_000)).sum(axis=1)
    assert (sums >= 5).all()
    assert (sums <= 15).all()


@pytest.mark.parametrize("name", list(POLICIES))
def test_each_policy_is_a_group_of_the_configuration(name: str) -> None:
    assert compose("export", ExportCommand, [f"policy={name}"]).policy.name == name


def test_a_name_without_a_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"policy\.name as one of logits, .*received 'level'\. Did.* levels\?.*auto"):
        compose("export", ExportCommand, ["policy.name=level"])
    assert compose("export", ExportCommand, ["policy=auto"]).policy.name == AUTO


def test_a_policy_without_operators_is_none() -> None:
    """Nothing is served in its place."""

    class Forgotten(OutputPolicy):
        def leakage_bits(self) -> float:
            return 0

    with pytest.raises(TypeError, match="answer"):
        Forgotten(config=parse_policy("label"))  # type: ignore[abstract]


def test_a_row_reads_a_key_that_there_is() -> None:
    with pytest.raises(ValueError, match="number as one of decimals, k, levels, epsilon; received 'level'"):
        PolicyRow(implementation=OutputPolicy, number="level")


def test_about_tells_no_key() -> None:
    said = fit_policy(parse_policy("noisy:8"), LOGITS, LABELS).about()
    assert said == {"name": "noisy", "epsilon": 8.0, "leakage_bits": pytest.approx(3.3176, abs=1e-4)}


@pytest.mark.parametrize("name", ["logits", "rounded:2", "top_k:3", "top1", "levels:3", "label", "noisy:0.5"])
def test_names_go_there_and_back(name: str) -> None:
    assert format_policy(parse_policy(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nothing",
        "auto",
        "levels",
        "label:2",
        "levels:0",
        "top_k:0",
        "top_k:1000",
        "rounded:0",
        "noisy:nan",
        "levels:x",
    ],
)
def test_a_policy_that_returns_nothing_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^Expected polic"):
        parse_policy(name)


@pytest.mark.parametrize(
    ("name", "images", "classes", "told"),
    [
        ("levels:4", 3, 10, "Expected policy.levels that 3 validation images"),
        ("top_k:3", 100, 3, "Expected policy.k below the number of classes, 3"),
        ("rounded:1", 100, 20, "Expected policy.decimals of at least 2 for 20 classes"),
    ],
)
def test_what_no_model_could_be_behind_is_known_before_there_is_one(
    name: str, images: int, classes: int, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        rehearse_policy(parse_policy(name), np.arange(images) % classes, classes)


@pytest.mark.parametrize("name", ["logits", "probabilities", "rounded:3", "top_k:2", "top1", "levels:4", "noisy:1"])
def test_what_a_model_can_be_behind_is_rehearsed_in_peace(name: str) -> None:
    rehearse_policy(parse_policy(name), LABELS[:100], 10)
