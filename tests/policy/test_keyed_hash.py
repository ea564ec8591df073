"""The draws of images on ONNX Runtime, against SipHash's paper and Python's integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from policy.sip import draw, siphash, sums

from mnist_etc.policy.graph import IR_VERSION, OPSET
from mnist_etc.policy.keyed_hash import COLLISION_BITS, DRAWS, KeyedHash
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.siphash import siphash as add_siphash

KEY = np.frombuffer(bytes(range(16)), "<u8")
GENERATOR = np.random.default_rng(0)
Integers = NDArray[np.unsignedinteger]


def ran(add: Callable[[Operators], str], kind: int, **inputs: Integers) -> NDArray[np.generic]:
    """The values of the tensor that ``add`` names."""
    operators = Operators()
    told = add(operators)
    named = {name.replace("__", "/"): value for name, value in inputs.items()}
    graph = helper.make_graph(
        operators.nodes,
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), ["N", *value.shape[1:]])
            for name, value in named.items()
        ],
        [helper.make_tensor_value_info(told, kind, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in operators.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, named)[0])


def hashed(messages: list[bytes], key: NDArray[np.uint64]) -> list[int]:
    words = [np.array([[int.from_bytes(one[part], "little")] for one in messages], np.uint64) for part in PARTS]
    told = ran(
        lambda operators: add_siphash(operators, "first", "second", key),
        TensorProto.UINT64,
        first=words[0],
        second=words[1],
    )
    return [int(value) for value in told[:, 0]]


PARTS = slice(0, 8), slice(8, 15)


def draws(keyed: KeyedHash, images: NDArray[np.uint8]) -> list[int]:
    told = ran(keyed.draw, TensorProto.INT64, policy__bytes=images.reshape(-1, 28, 28, 1))
    return [int(value) for value in told[:, 0]]


def test_the_papers_vector() -> None:
    """Appendix A: key 00 01 .. 0f, message 00 01 .. 0e."""
    expected = 0xA129CA6149BE45E5
    assert siphash(KEY.tobytes(), bytes(range(15))) == expected
    assert hashed([bytes(range(15))], KEY) == [expected]


def test_published_vectors_of_the_reference() -> None:
    """The first of ``vectors_sip64`` in the authors' own test, which asks for messages of every length."""
    assert siphash(KEY.tobytes(), b"") == 0x726FDB47DD0E0E31
    assert siphash(KEY.tobytes(), b"\0") == 0x74F839C593DC67FD


def test_siphash_of_random_messages_and_keys() -> None:
    for _ in range(5):
        key = GENERATOR.integers(0, 2**64, 2, np.uint64)
        messages = [GENERATOR.bytes(15) for _ in range(200)] + [bytes(15), b"\xff" * 15]
        assert hashed(messages, key) == [siphash(key.tobytes(), one) for one in messages]


def test_sums_of_uint64_wrap_around() -> None:
    """What the whole rests on, at both ends."""
    pairs = np.array([[2**64 - 1, 2**64 - 1], [2**63, 2**63], [2**64 - 1, 1], [1, 1]], np.uint64)
    total = ran(
        lambda operators: operators.add("MatMul", "pairs", operators.constant([[1], [1]], np.uint64)),
        TensorProto.UINT64,
        pairs=pairs,
    )
    assert [int(value) for value in total[:, 0]] == [2**64 - 2, 0, 0, 2]


def test_draws_are_those_of_the_definition() -> None:
    keyed = KeyedHash.drawn(28)
    images = GENERATOR.integers(0, 256, (50, 28, 28), np.uint8)
    images[0], images[1] = 0, 255
    told = draws(keyed, images)
    assert told == [draw(keyed, *sums(keyed, image)) for image in images]
    assert 0 <= min(told) <= max(told) < DRAWS
    assert max(told) > DRAWS / 2


def unmixed(value: int) -> int:
    """Before lowbias32 (Wellons 2018), the permutation without a key that the draws of before went through."""
    for factor in (0x846CA68B, 0x7FEB352D):
        value ^= value >> 16 if factor == 0x846CA68B else value >> 15 ^ value >> 30
        value = value * pow(factor, -1, 2**32) % 2**32
    return value ^ value >> 16


def lowbias(value: int) -> int:
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        value = (value ^ value >> shift) * factor % 2**32
    return value


def related(told: list[list[int]]) -> float:
    """How often the draw of d = a + b - c follows from those of a, b and c: of draws' highest 32 bits."""
    high = np.array([[unmixed(value) for value in row] for row in told], np.int64)
    off = (high[:, 0] + high[:, 1] - high[:, 2] - high[:, 3] + 4) % 2**32
    return float(np.mean(off <= 8))


def test_images_whose_sums_agree_have_draws_that_do_not_follow() -> None:
    """a + b = c + d pixel by pixel: a sum of weighted bytes and a permutation without a key told d's draw."""
    a, b, c = (GENERATOR.integers(*bounds, (500, 28, 28), np.uint8) for bounds in ((80, 128), (80, 128), (0, 80)))
    images = [a, b, c + 80, a + b - c - 80]
    assert np.array_equal(np.add(a, b, dtype=int), np.add(images[2], images[3], dtype=int))
    keyed = KeyedHash.drawn(28)
    told = np.array([draws(keyed, each) for each in images]).T >> 24
    assert related(told.tolist()) < 0.01
    weighted = [
        each.reshape(500, -1).astype(np.uint64) @ keyed.weights[:-1, 0] + keyed.weights[-1, 0] for each in images
    ]
    before = np.array(weighted).T >> np.uint64(32)
    assert related([[lowbias(int(value)) for value in row] for row in before]) == 1, "the relation is seen where it is"


def test_two_images_come_to_one_message_as_rarely_as_stated() -> None:
    """The bound's proof, counted over every weight with words of 12 bits, pixels of 4 and 4 spare bits in place of
    64, 8 and 8."""
    words, pixels, spare = 12, 4, 4
    weights = np.arange(2**words)
    rest = np.arange(0, 2**words, 37)[:, None]
    worst = [0.0, 0.0]
    for difference in range(1, 2**pixels):
        apart = (difference * weights[None, :] + rest) % 2**words
        worst[0] = max(worst[0], (apart == 0).mean(axis=1).max())
        low = 2**spare
        worst[1] = max(worst[1], ((apart < low) | (apart > 2**words - low)).mean(axis=1).max())
    assert worst[0] <= 2 ** (pixels - 1 - words)
    assert worst[1] <= 2 ** (spare + 1 - words)
    assert math.log2(worst[0]) == pixels - 1 - words, "reached, so no smaller bound holds"
    assert COLLISION_BITS == (64 - 7) + (64 - 9)


def test_each_key_matters() -> None:
    """A bit of each changes about half of the bits of a draw; nothing secret is written where it is printed."""
    keyed = KeyedHash.drawn(28)
    image = GENERATOR.integers(1, 256, (1, 28, 28), np.uint8)
    plain = draws(keyed, image)[0]
    for name, place in (("weights", 0), ("weights", 1), ("weights", 2), ("key", 0), ("key", 1)):
        value = getattr(keyed, name).copy()
        value.ravel()[place] ^= np.uint64(1 << 40)
        changed = draws(replace(keyed, **{name: value}), image)[0]
        assert changed != plain
        assert (changed ^ plain).bit_count() > 10 or place == 2, "the third sum is no part of what SipHash is asked"
    assert repr(keyed) == "KeyedHash()"


@pytest.mark.parametrize("name", ["weights", "key"])
def test_keys_are_drawn_anew(name: str) -> None:
    first, second = (getattr(KeyedHash.drawn(28), name) for _ in range(2))
    assert (first != second).all()
