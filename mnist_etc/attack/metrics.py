"""How much of an image came back, each figure with its 95 % confidence interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Against", "ImageMetrics", "Interval", "against", "image_metrics", "interval", "ratio"]

NORMAL_95 = 1.959964
WINDOW = 11
"""Pixels, of structural similarity."""
Images = NDArray[np.float32]
Classify = Callable[[Images], NDArray[np.int64]]


@dataclass(frozen=True)
class Interval:
    """A mean and half the width of its 95 % confidence interval, by the central limit theorem."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.half:.4f}"


@dataclass(frozen=True, eq=False)
class ImageMetrics:
    """Of the rebuilt images against the originals, over all targets."""

    mse: Interval
    """Mean squared error of a pixel on [0, 1]."""
    ssim: Interval
    """Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004), window 11, sigma 1.5.

    Of images below 11 pixels the window is the greatest odd one that fits.
    """
    cosine: Interval
    same_class: Interval
    """How often an independent network gives the rebuilt image the class that it gives the original."""
    squared_errors: NDArray[np.float64]
    """``(n,)``, of each target."""


def image_metrics(originals: Images, rebuilt: Images, classify: Classify) -> ImageMetrics:
    """Compare images ``(n, side, side)`` in [0, 1].

    Args:
        originals: that were sent.
        rebuilt: from what was answered.
        classify: an independent network: images ``(n, side, side)`` to classes ``(n,)``.
    """
    import tensorflow as tf

    errors = np.square(rebuilt.astype(np.float64) - originals).mean(axis=(1, 2))
    flat, other = (images.reshape(len(images), -1).astype(np.float64) for images in (originals, rebuilt))
    norms = np.linalg.norm(flat, axis=1) * np.linalg.norm(other, axis=1)
    cosine = (flat * other).sum(axis=1) / np.maximum(norms, np.finfo(float).tiny)
    window = min(WINDOW, (originals.shape[1] - 1) | 1)
    similarity = tf.image.ssim(originals[..., None], rebuilt[..., None], max_val=1.0, filter_size=window).numpy()
    return ImageMetrics(
        mse=interval(errors),
        ssim=interval(similarity),
        cosine=interval(cosine),
        same_class=interval(classify(originals) == classify(rebuilt)),
        squared_errors=errors,
    )


@dataclass(frozen=True)
class Against:
    """The errors of an attack over those of another, the floor, on the same targets."""

    mean: Interval
    """Of the two means."""
    first_percentile: float
    """Of the targets' own ratios: one target in a hundred comes nearer than this."""
    least_sure: float
    """Of the two means over the fifth of the targets that the model is least sure of."""


def against(errors: NDArray[np.float64], floor: NDArray[np.float64], sure: NDArray[np.float32]) -> Against:
    """Hold ``errors`` ``(t,)`` against ``floor``.

    Args:
        errors: of an attack, on each target.
        floor: of the other.
        sure: how sure the model is of each target.
    """
    least = np.argsort(sure, kind="stable")[: max(1, len(sure) // 5)]
    return Against(
        mean=ratio(errors, floor),
        first_percentile=float(np.quantile(errors / np.maximum(floor, np.finfo(float).tiny), 0.01)),
        least_sure=float(errors[least].mean() / floor[least].mean()),
    )


def interval(values: NDArray[np.generic]) -> Interval:
    """Of the mean of ``values`` ``(n,)``; of a single one the width is not a number."""
    several = np.asarray(values, np.float64)
    half = NORMAL_95 * several.std(ddof=1) / np.sqrt(len(several)) if len(several) > 1 else np.nan
    return Interval(float(several.mean()), float(half))


def ratio(errors: NDArray[np.float64], floor: NDArray[np.float64]) -> Interval:
    """Of two means over the same targets, by the delta method."""
    value = errors.mean() / floor.mean()
    return Interval(float(value), interval((errors - value * floor) / floor.mean()).half)
