"""Fifteen ways in which images get worse, after MNIST-C (Mu and Gilmer 2019, arXiv:1906.02337), at its severities.

Lengths are those of MNIST-C's images of 28 pixels a side, and grow with the side. The operations are written anew in
numpy and scipy: a motion blur or an edge is not that of MNIST-C to the bit, so figures are close to those on its files,
not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import SIDE

__all__ = ["CORRUPTIONS", "corrupted"]

CHUNK = 500
"""Images that are corrupted at a time."""
Floats = NDArray[np.float64]


def corrupted(name: str, images: NDArray[np.uint8], seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Corrupt images by the row ``name`` of `CORRUPTIONS`.

    Args:
        name: of the corruption.
        images: uint8 ``(n, side, side)``, light on dark.
        seed: of all that is drawn; the same seed gives the same bytes.

    Yields:
        the corrupted images in their order, uint8 ``(at most 500, side, side)``.
    """
    for number, first in enumerate(range(0, len(images), CHUNK)):
        draws = np.random.default_rng([seed, list(CORRUPTIONS).index(name), number])
        pixels = CORRUPTIONS[name](images[first : first + CHUNK] / 255.0, draws)
        yield np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def shot_noise(pixels: Floats, draws: np.random.Generator) -> Floats:
    """Poisson noise of three photons a white pixel."""
    return draws.poisson(3 * pixels) / 3


def impulse_noise(pixels: Floats, draws: np.random.Generator) -> Floats:
    """Black or white in the place of 17 % of the pixels."""
    chance = draws.random(pixels.shape)
    return np.where(chance < 0.085, 0.0, np.where(chance < 0.17, 1.0, pixels))


def glass_blur(pixels: Floats, draws: np.random.Generator) -> Floats:
    """Blur, swap pixels with neighbors at random, twice over, and blur again."""
    from scipy import ndimage

    side, sigma = pixels.shape[-1], 0.7 * _unit(pixels)
    reach = max(1, round(_unit(pixels)))
    blurred = ndimage.gaussian_filter(pixels, (0, sigma, sigma))
    every = np.arange(len(pixels))
    for _ in range(2):
        for row in range(side - 1, reach, -1):
            for column in range(side - 1, reach, -1):
                swap = draws.integers(0, 2, len(pixels)) == 1
                other = np.where(swap, draws.integers(-reach, 1, (2, len(pixels))), 0)
                rows, columns = row + other[0], column + other[1]
                there = blurred[every, rows, columns]
                blurred[every, rows, columns] = blurred[:, row, column]
                blurred[:, row, column] = there
    return np.asarray(ndimage.gaussian_filter(blurred, (0, sigma, sigma)))


def motion_blur(pixels: Floats, draws: np.random.Generator) -> Floats:
    """Smear along a line of -45 to 45 degrees, with weights that fall off from the pixel itself."""
    unit, side = _unit(pixels), pixels.shape[-1]
    steps = np.arange(round(21 * unit))
    weights = np.exp(-0.5 * (steps / (3 * unit)) ** 2)
    angles = np.deg2rad(draws.uniform(-45, 45, len(pixels)))
    every, places, sums = np.arange(len(pixels))[:, None, None], np.arange(side), np.zeros_like(pixels)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        rows, columns = (
            np.clip(places + np.rint(step * turned).astype(int)[:, None], 0, side - 1)
            for turned in (np.sin(angles), np.cos(angles))
        )
        sums += weight * pixels[every, rows[:, :, None], columns[:, None, :]]
    return sums


def shear(pixels: Floats, draws: np.random.Generator) -> Floats:
    """By 0.4 radians to the left or the right."""
    angles = 0.4 * _either(draws, len(pixels))
    one, zero = np.ones(len(pixels)), np.zeros(len(pixels))
    return _warped(pixels, across=(one, -np.sin(angles)), down=(zero, np.cos(angles)))


def scale(pixels: Floats, draws: np.random.Generator) -> Floats:  # noqa: ARG001
    """Shrink to 0.7 of each side."""
    factor, zero = np.full(len(pixels), 1 / 0.7), np.zeros(len(pixels))
    return _warped(pixels, across=(factor, zero), down=(zero, factor))


def rotate(pixels: Floats, draws: np.random.Generator) -> Floats:
    """By 0.4 radians either way round."""
    angles = 0.4 * _either(draws, len(pixels))
    return _warped(pixels, across=(np.cos(angles), -np.sin(angles)), down=(np.sin(angles), np.cos(angles)))


def brightness(pixels: Floats, draws: np.random.Generator) -> Floats:  # noqa: ARG001
    """Half of white is added to each pixel."""
    return pixels + 0.5


def translate(pixels: Floats, draws: np.random.Generator) -> Floats:
    """By three pixels along either diagonal."""
    one, zero, by = np.ones(len(pixels)), np.zeros(len(pixels)), 3 * _unit(pixels)
    to = by * _either(draws, len(pixels)), by * _either(draws, len(pixels))
    return _warped(pixels, across=(one, zero), down=(zero, one), by=to)


def stripe(pixels: Floats, draws: np.random.Generator) -> Floats:  # noqa: ARG001
    """Invert the left and the right quarter."""
    side = pixels.shape[-1]
    places = np.arange(side)
    return np.where((places < side // 4) | (places >= side - side // 4), 1 - pixels, pixels)


def fog(pixels: Floats, draws: np.random.Generator) -> Floats:
    """A fractal cloud over the image, which takes contrast from it."""
    from scipy import ndimage

    cloud, greatest = _plasma(len(pixels), draws, 1.4)[:, :SIDE, :SIDE], pixels.max(axis=(1, 2), keepdims=True)
    cloud = ndimage.zoom(cloud, (1, _unit(pixels), _unit(pixels)), order=1)
    return np.asarray((pixels + 3 * cloud) * greatest / (greatest + 3))


def spatter(pixels: Floats, draws: np.random.Generator) -> Floats:
    """Drops of mud."""
    from scipy import ndimage

    unit = _unit(pixels)
    drops = ndimage.gaussian_filter(draws.normal(0.65, 0.3, pixels.shape), (0, unit, unit)) > 0.65
    mud = ndimage.gaussian_filter(drops.astype(float), (0, 1.5 * unit, 1.5 * unit))
    mud[mud < 0.8] = 0
    return np.asarray(pixels * (1 - mud) + mud * 63 / 255)


def dotted_line(pixels: Floats, draws: np.random.Generator) -> Floats:
    """A dashed line from the left edge to the right one."""
    left, right = draws.integers(0, SIDE - 1, (2, len(pixels))).astype(float)
    line = _line(pixels, np.zeros(len(pixels)), left, np.full(len(pixels), SIDE - 1.0), right)
    dashes = (np.arange(pixels.shape[-1]) / _unit(pixels) // 2) % 2 == 1
    return np.asarray(pixels + line * dashes)


def zigzag(pixels: Floats, draws: np.random.Generator) -> Floats:
    """A jagged line across the image."""
    first, last, size = 2.0, 25.0, 2.0
    start = draws.integers(0, SIDE - 1, len(pixels)).astype(float)
    slope = np.arctan(draws.integers(-5, 5, len(pixels)) / (last - first))
    length = (last - first) / np.cos(slope)
    corners = 2 * size * np.arange(int((last - first - size) // (2 * size)) + 1) + size
    along = np.column_stack([np.zeros_like(length), np.tile(corners, (len(length), 1)), length])
    aside = np.zeros_like(along)
    aside[:, 1:-1] = size * (-1.0) ** np.arange(len(corners))
    columns = first + np.cos(slope)[:, None] * along - np.sin(slope)[:, None] * aside
    rows = start[:, None] + np.sin(slope)[:, None] * along + np.cos(slope)[:, None] * aside
    for one in range(along.shape[1] - 1):
        drawn = _line(pixels, columns[:, one], rows[:, one], columns[:, one + 1], rows[:, one + 1])
        pixels = np.minimum(pixels + drawn, 1)
    return pixels


def canny_edges(pixels: Floats, draws: np.random.Generator) -> Floats:  # noqa: ARG001
    """Nothing but the edges (Canny 1986), by thresholds of 0.1 and 0.2."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(pixels, (0, 1, 1), mode="constant")
    down, across = (
        ndimage.correlate1d(ndimage.correlate1d(smooth, (-1, 0, 1), axis), (1, 2, 1), 3 - axis) for axis in (1, 2)
    )
    strength = np.hypot(down, across)
    sector = np.rint(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    padded, ridge = np.pad(strength, ((0, 0), (1, 1), (1, 1))), np.zeros(pixels.shape, bool)
    side = pixels.shape[-1]
    for number, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead, behind = (
            padded[:, 1 + way * row : 1 + way * row + side, 1 + way * column : 1 + way * column + side]
            for way in (1, -1)
        )
        ridge |= (sector == number) & (strength >= ahead) & (strength > behind)
    within = np.zeros((3, 3, 3), int)
    within[1] = 1
    joined, count = ndimage.label(ridge & (strength >= 0.1), within)
    strong = np.zeros(count + 1, bool)
    strong[joined[ridge & (strength >= 0.2)]] = True
    strong[0] = False
    return np.asarray(strong[joined], float)


def _unit(pixels: Floats) -> float:
    """What a pixel of MNIST-C is in this image's."""
    return pixels.shape[-1] / SIDE


def _either(draws: np.random.Generator, count: int) -> Floats:
    """-1 or 1."""
    return draws.choice([-1.0, 1.0], count)


def _warped(
    pixels: Floats,
    *,
    across: tuple[Floats, Floats],
    down: tuple[Floats, Floats],
    by: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Each image read at ``across . (x, y) + by[0]`` and ``down . (x, y) + by[1]``, from its center."""
    from scipy import ndimage

    side = pixels.shape[-1]
    places = np.arange(side) - (side - 1) / 2
    x, y = places[None, None, :], places[None, :, None]
    zero = np.zeros(len(pixels))
    columns, rows = (
        first[:, None, None] * x + second[:, None, None] * y + offset[:, None, None] + (side - 1) / 2
        for (first, second), offset in zip((across, down), by or (zero, zero), strict=True)
    )
    every = np.broadcast_to(np.arange(len(pixels), dtype=float)[:, None, None], pixels.shape)
    return np.asarray(ndimage.map_coordinates(pixels, [every, rows, columns], order=1, mode="grid-constant"))


def _line(pixels: Floats, left: Floats, top: Floats, right: Floats, bottom: Floats) -> Floats:
    """A soft line for each image, in [0, 1]; its ends ``(left, top)`` and ``(right, bottom)`` in pixels of MNIST-C."""
    places = np.arange(pixels.shape[-1]) / _unit(pixels)
    slope = (bottom - top) / (right - left)
    height = top[:, None] + slope[:, None] * (places - left[:, None])
    away = np.minimum(np.abs(places[None, :, None] - height[:, None, :]), 2.3 - 1e-10)
    inside = (places >= np.floor(left)[:, None]) & (places < np.ceil(right)[:, None])
    return np.asarray(np.clip(np.log(1 - away / 2.3) + 1, 0, 1) * inside[:, None, :])


def _plasma(count: int, draws: np.random.Generator, decay: float, side: int = 256) -> Floats:
    """Fractal height maps in [0, 1], ``(count, SIDE, SIDE)``, by diamond-square at the corner of maps of ``side``."""
    return np.concatenate([_few_plasmas(min(50, count - first), draws, decay, side) for first in range(0, count, 50)])


def _few_plasmas(count: int, draws: np.random.Generator, decay: float, side: int) -> Floats:
    maps, step, wibble = np.zeros((count, side, side), np.float32), side, 100.0

    def moved(*four: NDArray[np.float32]) -> NDArray[np.float32]:
        sums = np.sum(four, axis=0)
        noise = draws.random(sums.shape, np.float32) * 2 - 1
        return np.asarray(sums / 4 + np.float32(wibble * wibble) * noise)

    while step >= 2:
        half = step // 2
        corners = maps[:, ::step, ::step]
        right, below = np.roll(corners, -1, 2), np.roll(corners, -1, 1)
        maps[:, half::step, half::step] = moved(corners, right, below, np.roll(right, -1, 1))
        middles = maps[:, half::step, half::step]
        maps[:, ::step, half::step] = moved(middles, np.roll(middles, 1, 1), corners, right)
        maps[:, half::step, ::step] = moved(middles, np.roll(middles, 1, 2), corners, below)
        step, wibble = half, wibble / decay
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return np.asarray((maps - low) / (high - low))[:, :SIDE, :SIDE].astype(np.float64)


CORRUPTIONS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    one.__name__: one
    for one in (
        *(shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate, stripe),
        *(fog, spatter, dotted_line, zigzag, canny_edges),
    )
}
"""By name; each takes and gives float64 ``(n, side, side)``, pixels in [0, 1], and the generator that it draws from."""
