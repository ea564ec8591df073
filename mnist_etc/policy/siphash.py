"""SipHash-2-4 of 15 bytes in ONNX operators on uint64.

A sum is a product with ones, which wraps around: ONNX Runtime 1.19, of Triton 24.10, adds no uint64, but multiplies
matrices of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.operators import Operators

__all__ = ["BYTES", "siphash"]

BYTES = 15
"""Of a message: two words of 64 bits, of which the last byte holds the length."""
START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
"""The state before the key: "somepseudorandomlygeneratedbytes"."""
WORD = 64


def siphash(operators: Operators, first: str, second: str, key: NDArray[np.uint64]) -> str:
    """Add SipHash-2-4, a pseudorandom function of short messages (Aumasson and Bernstein 2012, IACR ePrint 2012/351).

    Args:
        operators: What to add it to.
        first: The first 8 bytes of each message as a little-endian number, uint64 ``(batch, 1)``.
        second: The other 7 in the same way, uint64 ``(batch, 1)``: less than 2^56.
        key: ``(2,)``, 128 secret bits.

    Returns:
        The name of the hashes, uint64 ``(batch, 1)``.
    """
    length = operators.constant(BYTES << WORD - 8, np.uint64)
    zero = operators.add("BitwiseXor", first, first)
    keyed = [[[start ^ int(key[place % 2])]] for place, start in enumerate(START)]
    state = [operators.add("BitwiseXor", zero, operators.constant(start, np.uint64)) for start in keyed]
    for word in (first, operators.add("BitwiseOr", second, length)):
        state[3] = operators.add("BitwiseXor", state[3], word)
        state = _round(operators, _round(operators, state))
        state[0] = operators.add("BitwiseXor", state[0], word)
    state[2] = operators.add("BitwiseXor", state[2], operators.constant(0xFF, np.uint64))
    for _ in range(4):
        state = _round(operators, state)
    halves = [operators.add("BitwiseXor", *half) for half in (state[:2], state[2:])]
    return operators.add("BitwiseXor", *halves)


def _round(operators: Operators, state: list[str]) -> list[str]:
    """SipRound, figure 2.1 of the paper."""
    v0, v1, v2, v3 = state
    v0, v1 = _add_rotate_xor(operators, v0, v1, 13)
    v2, v3 = _add_rotate_xor(operators, v2, v3, 16)
    v0 = _rotated(operators, v0, 32)
    v2, v1 = _add_rotate_xor(operators, v2, v1, 17)
    v0, v3 = _add_rotate_xor(operators, v0, v3, 21)
    v2 = _rotated(operators, v2, 32)
    return [v0, v1, v2, v3]


def _add_rotate_xor(operators: Operators, grown: str, turned: str, bits: int) -> tuple[str, str]:
    both = operators.add("Concat", grown, turned, axis=1)
    total = operators.add("MatMul", both, operators.constant([[1], [1]], np.uint64))
    return total, operators.add("BitwiseXor", _rotated(operators, turned, bits), total)


def _rotated(operators: Operators, value: str, bits: int) -> str:
    """``value`` with its bits moved to the left, those that fall off put in again at the right."""
    left = operators.add("BitShift", value, operators.constant(bits, np.uint64), direction="LEFT")
    right = operators.add("BitShift", value, operators.constant(WORD - bits, np.uint64), direction="RIGHT")
    return operators.add("BitwiseOr", left, right)
