"""What a policy's operators answer, against its definition written down once more in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from policy.sip import draws

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.policy.graph import answers, append_policy
from mnist_etc.policy.keyed_hash import DRAWS
from mnist_etc.policy.noisy import Noisy
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import parse_policy

COUNT = 10_000
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (COUNT, 28, 28), np.uint8)
KERNEL = GENERATOR.normal(0, 0.35, (784, 10)).astype(np.float32)
KERNEL -= KERNEL.mean(axis=0)
"""Of a linear model: its logits have a deviation of about 3."""
NAMES = ["logits", "probabilities", "rounded:1", "rounded:2", "rounded:6", "top_k:1", "top_k:3", "top_k:9", "top1"]
NAMES += ["levels:1", "levels:3", "levels:10", "label", "noisy:1", "noisy:8"]

Array = NDArray[np.float32]


def model(kind: str) -> onnx.ModelProto:
    """Pixels to logits, with ``uint8`` or ``float32`` input."""
    from onnx import TensorProto, helper, numpy_helper

    uint8 = kind == "uint8"
    nodes = [
        helper.make_node("Cast", ["input"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["scaled"]),
        helper.make_node("Flatten", ["scaled" if uint8 else "input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes if uint8 else nodes[2:],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.UINT8 if uint8 else TensorProto.FLOAT, ["N", 28, 28, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(KERNEL, "kernel"), numpy_helper.from_array(np.float32(255), "white")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(graph: onnx.ModelProto, images: NDArray[np.uint8]) -> Array:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    uint8 = session.get_inputs()[0].type == "tensor(uint8)"
    return np.asarray(session.run(["output"], {"input": images[..., None] if uint8 else scale_pixels(images)})[0])


LOGITS = run(model("uint8"), IMAGES)
LABELS = (LOGITS + GENERATOR.gumbel(size=LOGITS.shape)).argmax(axis=1)
"""As probable as the model says."""


def policy(name: str) -> OutputPolicy:
    return fit_policy(parse_policy(name), LOGITS, LABELS)


def probabilities(logits: Array) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def chosen(label: NDArray[np.int64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """``inside`` at the label, the rest of 1 shared by the others."""
    told = np.repeat((1 - inside)[:, None] / 9, 10, axis=1)
    told[np.arange(len(label)), label] = inside
    return told


def top(logits: Array, k: int) -> NDArray[np.float64]:
    told = probabilities(logits)
    for row in told:
        others = np.argsort(-row, kind="stable")[k:]
        row[others] = row[others].sum() / len(others)
    return told


def levels(one: OutputPolicy, logits: Array) -> NDArray[np.float64]:
    label = logits.argmax(axis=1)
    others = np.where(label[:, None] == np.arange(10), 0, probabilities(logits)).sum(axis=1)
    level = (others[:, None] <= one.edges.astype(np.float64)).sum(axis=1)
    return chosen(label, one.confidences.astype(np.float64)[level])


def drawn(one: OutputPolicy, logits: Array, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    assert isinstance(one, Noisy)
    others = math.ceil(2**56 / (math.exp(one.config.epsilon) + 9))
    kept = 2**56 - 9 * others
    steps = [0 if value < kept else 1 + (value - kept) // others for value in draws(one.keyed_hash, images)]
    return chosen((logits.argmax(axis=1) + steps) % 10, np.full(len(steps), kept / 2**56))


DEFINITIONS: dict[str, Callable[[OutputPolicy], NDArray[np.float64]]] = {
    "logits": lambda _: LOGITS.astype(np.float64),
    "probabilities": lambda _: probabilities(LOGITS),
    "rounded": lambda one: np.rint(probabilities(LOGITS) * 10**one.config.decimals) / 10**one.config.decimals,
    "top_k": lambda one: top(LOGITS, one.config.k),
    "top1": lambda _: top(LOGITS, 1),
    "levels": lambda one: levels(one, LOGITS),
    "label": lambda _: np.eye(10)[LOGITS.argmax(axis=1)],
    "noisy": lambda one: drawn(one, LOGITS, IMAGES),
}


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_the_served_graph_answers_as_defined(name: str, kind: str) -> None:
    """On 10,000 images; an answer may fall on the other side of a step where float32 and float64 do."""
    one = policy(name)
    served = run(append_policy(model(kind), one), IMAGES)
    assert served.dtype == np.float32
    assert served.shape == (COUNT, 10)
    off = np.abs(served - DEFINITIONS[name.partition(":")[0]](one)).max(axis=1)
    steps = name.partition(":")[0] in ("rounded", "levels")
    assert np.mean(off > 2e-6) <= (0.002 if steps else 0)
    assert np.array_equal(answers(one, LOGITS, IMAGES), served) or kind == "float32"


WHOLE = {"DOUBLE", "FLOAT", "INT32", "INT64"}
OLDER = {"Add": WHOLE, "Sub": WHOLE, "Mul": WHOLE, "Div": WHOLE, "MatMul": WHOLE | {"UINT32", "UINT64"}}
"""What ONNX Runtime 1.19.2, of Triton 24.10's container, computes these of, as tried."""


@pytest.mark.parametrize("name", NAMES)
def test_the_containers_older_runtime_has_such_arithmetic(name: str) -> None:
    """1.19.2 refused `noisy` as it was, for a sum of uint64."""
    graph = onnx.shape_inference.infer_shapes(append_policy(model("float32"), policy(name)), strict_mode=True).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    for node in graph.node:
        if node.op_type in OLDER:
            assert onnx.TensorProto.DataType.Name(kinds[node.output[0]]) in OLDER[node.op_type], node.name


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition(":")[0] not in ("rounded", "noisy")])
def test_no_class_changes(name: str) -> None:
    assert np.array_equal(answers(policy(name), LOGITS, IMAGES).argmax(axis=1), LOGITS.argmax(axis=1))


@pytest.mark.parametrize("name", ["rounded:1", "levels:1", "levels:3", "levels:10", "label", "noisy:1"])
def test_answers_are_no_more_than_stated(name: str) -> None:
    one = policy(name)
    logits = np.concatenate([np.roll(LOGITS, step, axis=1) for step in range(0, 10, 2)])
    images = np.random.default_rng(2).integers(0, 256, (50_000, 28, 28), np.uint8) if "noisy" in name else None
    distinct = len(np.unique(answers(one, logits, images), axis=0))
    assert math.log2(distinct) <= (math.log2(10) if "noisy" in name else one.leakage_bits()) + 1e-9
    if name.partition(":")[0] in ("levels", "label"):
        assert math.log2(distinct) == pytest.approx(one.leakage_bits())


def test_an_answer_of_a_noisy_policy_is_drawn_once() -> None:
    one = policy("noisy:1")
    first = answers(one, LOGITS, IMAGES)
    assert np.array_equal(answers(one, LOGITS[::-1], IMAGES[::-1])[::-1], first)
    assert not np.array_equal(answers(policy("noisy:1"), LOGITS, IMAGES), first), "each publication has its own key"


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -1.0, 7.0])
def test_a_pixel_that_is_no_gray_gives_no_second_draw(pixel: float) -> None:
    """What the hash reads is what the model reads: one answer for one image, whatever stands in it."""
    graph = append_policy(model("float32"), policy("noisy:1")).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    odd = scale_pixels(IMAGES[:500])
    odd[:, 3, 3] = pixel
    gray = odd.copy()
    gray[:, 3, 3] = 0 if np.isnan(pixel) else np.clip(pixel, 0, 1)
    told = [session.run(["output"], {"input": images})[0] for images in (odd, gray)]
    assert np.array_equal(*told)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1, 3, 8, 19.999, 20])
def test_the_likelihood_ratio_is_bounded_exactly(epsilon: float) -> None:
    """By fractions: partial sums of e^epsilon's series, whose rest is at most twice its next term here, enclose it."""
    one = policy(f"noisy:{epsilon}")
    assert isinstance(one, Noisy)
    others = one.other_draws()
    kept = DRAWS - 9 * others
    term, least = Fraction(1), Fraction(0)
    for count in range(1, 120):
        least += term
        term *= Fraction(epsilon) / count
    assert others <= kept <= least * others
    assert kept + 9 > (least + 2 * term) * (others - 1), "one draw fewer for each of the others is too much"


def test_what_is_drawn_has_the_stated_probabilities() -> None:
    """Images over several keys, and their neighbors, which differ in a pixel by one: the same likelihoods, apart."""
    pairs, keys = 500, 20
    images = np.repeat(IMAGES[:pairs], 2, axis=0)
    images[1::2, 14, 14] ^= 1
    logits = np.repeat(LOGITS[:pairs], 2, axis=0)
    told = np.concatenate([answers(policy("noisy:2"), logits, images).argmax(axis=1) for _ in range(keys)])
    moved = ((told - np.tile(logits.argmax(axis=1), keys)) % 10).reshape(-1, 2)
    stays = moved == 0
    expected = math.exp(2) / (math.exp(2) + 9)
    deviation = math.sqrt(expected * (1 - expected) / len(moved))
    assert np.abs(stays.mean(axis=0) - expected).max() < 4.5 * deviation
    both = expected**2
    assert abs((stays[:, 0] & stays[:, 1]).mean() - both) < 4.5 * math.sqrt(both * (1 - both) / len(moved))
    counts = np.bincount(moved[:, 0], minlength=10)[1:]
    share = (1 - expected) / 9
    assert np.abs(counts / len(moved) - share).max() < 4.5 * math.sqrt(share * (1 - share) / len(moved))


def test_keyed_draws_are_spread_evenly() -> None:
    """Images that differ little give draws that do not: by chi-square over the classes, for one key."""
    one = policy("noisy:0.01")
    images = np.repeat(IMAGES[:1], 20_000, axis=0).reshape(20_000, -1)
    images[:, 0], images[:, 1] = np.arange(20_000) % 256, np.arange(20_000) // 256
    told = answers(one, np.repeat(LOGITS[:1], 20_000, axis=0), images.reshape(-1, 28, 28)).argmax(axis=1)
    counts = np.bincount(told, minlength=10)
    expected = len(told) / 10
    assert np.square(counts - expected).sum() / expected < 40, "nine degrees of freedom"
