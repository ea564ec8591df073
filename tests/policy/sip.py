"""SipHash-2-4 once more, in Python's own integers, from the paper's definition; and the draws of `KeyedHash` by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.keyed_hash import KeyedHash

ALL = 2**64 - 1


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & ALL


def siphash(key: bytes, message: bytes) -> int:
    """Of any message, as the paper writes it."""
    k0, k1 = (int.from_bytes(key[first : first + 8], "little") for first in (0, 8))
    v = [0x736F6D6570736575 ^ k0, 0x646F72616E646F6D ^ k1, 0x6C7967656E657261 ^ k0, 0x7465646279746573 ^ k1]

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & ALL
            v[2] = (v[2] + v[3]) & ALL
            v[1], v[3] = rotated(v[1], 13) ^ v[0], rotated(v[3], 16) ^ v[2]
            v[0] = rotated(v[0], 32)
            v[2] = (v[2] + v[1]) & ALL
            v[0] = (v[0] + v[3]) & ALL
            v[1], v[3] = rotated(v[1], 17) ^ v[2], rotated(v[3], 21) ^ v[0]
            v[2] = rotated(v[2], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for first in range(0, len(padded), 8):
        word = int.from_bytes(padded[first : first + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sums(keyed: KeyedHash, image: NDArray[np.uint8]) -> list[int]:
    """The three universal hashes of an image."""
    pixels = [*(int(pixel) for pixel in image.ravel()), 1]
    return [sum(p * int(w) for p, w in zip(pixels, column, strict=True)) & ALL for column in keyed.weights.T]


def draw(keyed: KeyedHash, first: int, second: int, third: int) -> int:
    """Of an image with these `sums`."""
    message = first.to_bytes(8, "little") + (second >> 8).to_bytes(7, "little")
    return (siphash(keyed.key.astype("<u8").tobytes(), message) ^ third) >> 8


def draws(keyed: KeyedHash, images: NDArray[np.uint8]) -> list[int]:
    """Of many images, by numpy's sums."""
    told = images.reshape(len(images), -1).astype(np.uint64) @ keyed.weights[:-1] + keyed.weights[-1]
    assert [int(value) for value in told[0]] == sums(keyed, images[0])
    return [draw(keyed, *(int(value) for value in row)) for row in told]
