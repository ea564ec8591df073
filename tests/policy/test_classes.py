"""Every policy at 2, 3, 47 and 1,000 classes: its graph against NumPy, its bound against counting, and its draws."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from policy.sip import draws

from mnist_etc.errors import ConfigError
from mnist_etc.policy.calibration import calibrate
from mnist_etc.policy.graph import answers, append_policy
from mnist_etc.policy.keyed_hash import DRAWS
from mnist_etc.policy.levels import Levels
from mnist_etc.policy.noisy import Noisy
from mnist_etc.policy.output_policy import FLOATS, OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy, parse_policy

SIDE = 32
SEVERAL = (2, 3, 47, 1000)
NAMES = ("logits", "probabilities", "rounded:3", "top_k:1", "top1", "levels:1", "levels:3", "label", "noisy:8")
Array = NDArray[np.float32]


def logits(classes: int, count: int = 2000) -> Array:
    """Of a model that is sure of some images and not of others."""
    generator = np.random.default_rng(classes)
    said = generator.normal(0, 1, (count, classes))
    said[np.arange(count), generator.integers(0, classes, count)] += generator.uniform(0, 15, count)
    return said.astype(np.float32)


def images(count: int = 2000) -> NDArray[np.uint8]:
    return np.random.default_rng(9).integers(0, 256, (count, SIDE, SIDE), np.uint8)


def fitted(name: str, said: Array) -> OutputPolicy:
    generator = np.random.default_rng(1)
    labels = np.where(generator.random(len(said)) < 0.8, said.argmax(axis=1), 0)
    return fit_policy(parse_policy(name), said, labels, SIDE)


def defined(one: OutputPolicy, said: Array, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What ``one`` answers, by its definition."""
    powers = np.exp(said.astype(np.float64) - said.max(axis=1, keepdims=True))
    probable, label = powers / powers.sum(axis=1, keepdims=True), said.argmax(axis=1)
    inside = None
    match one.config.name:
        case "logits":
            return said.astype(np.float64)
        case "probabilities":
            return probable
        case "rounded":
            return np.rint(probable * 10**one.config.decimals) / 10**one.config.decimals
        case "top_k" | "top1":
            inside = probable.max(axis=1)
        case "label":
            inside = np.ones(len(said))
        case "levels":
            assert isinstance(one, Levels)
            others = np.where(np.eye(said.shape[1], dtype=bool)[label], 0, probable).sum(axis=1)
            inside = one.confidences[(others[:, None] <= one.edges.astype(np.float64)).sum(axis=1)].astype(np.float64)
        case _:
            assert isinstance(one, Noisy)
            steps = said.shape[1] - 1
            other = math.ceil(DRAWS / (math.exp(one.config.epsilon) + steps))
            kept = DRAWS - steps * other
            moved = [0 if value < kept else 1 + (value - kept) // other for value in draws(one.keyed_hash, pixels)]
            label, inside = (label + moved) % said.shape[1], np.full(len(said), kept / DRAWS)
    told = np.repeat((1 - inside)[:, None] / (said.shape[1] - 1), said.shape[1], axis=1)
    told[np.arange(len(said)), label] = inside
    return told


@pytest.mark.parametrize("classes", SEVERAL)
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_defined(classes: int, name: str) -> None:
    said, pixels = logits(classes), images()
    one = fitted(name, said)
    told = answers(one, said, pixels)
    assert told.shape == (len(said), classes)
    off = np.abs(told - defined(one, said, pixels)).max(axis=1)
    steps = name.partition(":")[0] in ("rounded", "levels")
    assert np.mean(off > 5e-6) <= (0.005 if steps else 0)
    if name != "noisy:8":
        assert np.array_equal(told.argmax(axis=1), said.argmax(axis=1)) or name.startswith("rounded")


@pytest.mark.parametrize("classes", SEVERAL)
@pytest.mark.parametrize("name", NAMES)
def test_the_served_graph_has_the_models_form(classes: int, name: str) -> None:
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(2).normal(0, 0.3, (SIDE**2, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["input"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["float", "white"], ["scaled"]),
            helper.make_node("Flatten", ["scaled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "kernel"], ["output"]),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.float32(255), "white")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {"classes": "said"})
    pixels = images(300)
    said = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"input": pixels[..., None]})[0]
    one = fitted(name, said)
    served = append_policy(model, one)
    session = onnxruntime.InferenceSession(served.SerializeToString())
    assert session.get_outputs()[0].shape[1:] == [classes]
    told = {} if one.row.tells_logits else {"policy": format_policy(one.config)}
    assert session.get_modelmeta().custom_metadata_map == {"classes": "said"} | told
    assert np.array_equal(session.run(None, {"input": pixels[..., None]})[0], answers(one, said, pixels))


@pytest.mark.parametrize("classes", SEVERAL)
def test_bits_in_terms_of_the_classes(classes: int) -> None:
    said = logits(classes)
    bits = {name: fitted(name, said).leakage_bits() for name in NAMES}
    assert bits["logits"] == 32 * classes
    assert bits["probabilities"] == pytest.approx(classes * math.log2(FLOATS))
    assert bits["label"] == bits["levels:1"] == pytest.approx(math.log2(classes))
    assert bits["top1"] == bits["top_k:1"] == pytest.approx(math.log2(classes * FLOATS))
    kinds = np.unique(answers(fitted("levels:3", said), said).max(axis=1))
    assert bits["levels:3"] == pytest.approx(math.log2(classes * len(kinds)))
    kept = math.exp(8) / (math.exp(8) + classes - 1)
    assert bits["noisy:8"] == pytest.approx(math.log2(classes * kept))
    assert bits["noisy:8"] <= bits["label"]


def grid(classes: int) -> Array:
    """Logits of probabilities in steps of a fortieth, of those that lie a little off each, and of the nearly sure."""
    steps = np.array([one for one in product(range(41), repeat=classes) if sum(one) == 40]) / 40
    near = steps + np.random.default_rng(0).uniform(0, 1e-3, (7, *steps.shape))
    doubts = np.logspace(-9, -0.5, 200)[:, None, None] / (classes - 1)
    sure = np.where(np.eye(classes, dtype=bool), 1 - doubts * (classes - 1), doubts).reshape(-1, classes)
    return np.log(np.maximum(np.concatenate([steps, *near, sure]), 1e-9)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["rounded:1", "levels:1", "levels:3", "label"])
def test_a_bound_is_no_less_than_the_answers_that_there_are(classes: int, name: str) -> None:
    """Counted over all probabilities; exactly as many where an answer names a class and a level."""
    one, said = fitted(name, logits(classes)), grid(classes)
    counted = math.log2(len(np.unique(answers(one, said), axis=0)))
    assert counted <= one.leakage_bits() + 1e-9
    assert name == "rounded:1" or counted == pytest.approx(one.leakage_bits())
    assert one.leakage_bits() < counted + 1.7, "and not much more"


@pytest.mark.parametrize("classes", [2, 3, 47, 199])
def test_roundings_at_the_edge_are_counted(classes: int) -> None:
    """Of nearly even probabilities all may be rounded up, or down: the sums that the bound must hold."""
    one = fitted("rounded:2", logits(classes))
    sums = set()
    for share in np.linspace(0, 1.5 / 100, 61):
        probable = np.full(classes, share)
        probable[0] = 1 - share * (classes - 1)
        if probable[0] > 0:
            sums |= set(
                np.rint(100 * answers(one, np.log(np.maximum(probable, 1e-12))[None].astype(np.float32)).sum(1))
            )
    assert min(sums) >= 100 - classes // 2
    assert max(sums) <= 100 + classes // 2
    assert classes < 40 or max(sums) - min(sums) > 20, "the bound is used"


@pytest.mark.parametrize("classes", [2, 3, 47, 1000])
@pytest.mark.parametrize("epsilon", [0.01, 1, 8, 20])
def test_the_epsilon_of_noisy_answers_is_exact_for_any_number_of_classes(classes: int, epsilon: float) -> None:
    one = fitted(f"noisy:{epsilon}", logits(classes, 50))
    assert isinstance(one, Noisy)
    other, kept = one.other_draws(), one.kept_draws()
    assert kept + (classes - 1) * other == DRAWS
    power = sum(Fraction(epsilon) ** count / math.factorial(count) for count in range(120))
    assert other <= kept <= power * other
    assert math.log(kept / other) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize("epsilon", [1e-17, 40, 700])
def test_an_epsilon_that_draws_cannot_give_is_refused(epsilon: float) -> None:
    config = replace(parse_policy("noisy:8"), epsilon=epsilon)
    with pytest.raises(ConfigError, match=r"^Expected policy\.epsilon that 2\^56 draws .* among 47 classes; received"):
        fit_policy(config, logits(47, 50), np.zeros(50, int))


@pytest.mark.parametrize(("classes", "most"), [(2, 25), (3, 27), (47, 99)])
def test_noisy_draws_have_their_frequencies(classes: int, most: float) -> None:
    """By chi-square over how far the class was moved: of so many degrees of freedom greater once in a million."""
    count = 20_000
    said = np.tile(np.eye(classes, dtype=np.float32)[1], (count, 1))
    one = fitted("noisy:1", said)
    assert isinstance(one, Noisy)
    told = answers(one, said, np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE), np.uint8)).argmax(axis=1)
    expected = np.full(classes, count / (math.e + classes - 1))
    expected[1] *= math.e
    assert (np.square(np.bincount(told, minlength=classes) - expected) / expected).sum() < most


@pytest.mark.parametrize(
    ("name", "classes", "said"),
    [
        ("top_k:3", 2, r"policy\.k below the number of classes, 2, .*received 3\. Pass policy\.k=1"),
        ("top_k:3", 3, r"classes, 3, .*Pass policy\.k=2, or policy=probabilities"),
        ("rounded:1", 20, r"policy\.decimals of at least 2 for 20 classes"),
        ("rounded:1", 47, r"policy\.decimals of at least 2 for 47 classes"),
        ("rounded:2", 1000, r"policy\.decimals of at least 3 for 1000 classes"),
    ],
)
def test_what_so_many_classes_cannot_have_is_refused(name: str, classes: int, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^Expected {said}" if said.startswith("policy") else said) as error:
        fitted(name, logits(classes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "classes"), [("top_k:1", 2), ("top_k:2", 3), ("rounded:1", 19), ("rounded:3", 1000)])
def test_what_so_many_classes_can_just_have(name: str, classes: int) -> None:
    """The least sure answer of all still names a class."""
    said = logits(classes)
    told = answers(fitted(name, said), np.concatenate([np.zeros((1, classes), np.float32), said]))
    assert (told.max(axis=1) > 0).all()


@pytest.mark.parametrize("classes", SEVERAL)
def test_a_level_stays_above_chance(classes: int) -> None:
    """So that the predicted class stays the greatest, though it is hardly ever right."""
    sure, right = np.linspace(0, 1, 5000, dtype=np.float32), np.zeros(5000, bool)
    _, confidences = calibrate(sure, right, 3, classes=classes)
    assert (confidences > (1 - confidences.astype(np.float64)) / (classes - 1)).all()
    said = logits(classes)
    one = fit_policy(parse_policy("levels:3"), said, (said.argmax(axis=1) + 1) % classes)
    assert np.array_equal(answers(one, said).argmax(axis=1), said.argmax(axis=1))
