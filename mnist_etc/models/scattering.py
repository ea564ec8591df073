"""The scattering transform: image features that saw no data.

Bruna and Mallat 2013 (arXiv:1203.1513), Oyallon and Mallat 2015 (arXiv:1412.8659), with the filters, padding and
order of channels of Kymatio 0.3 (Andreux et al. 2020, arXiv:1812.11214). The Fourier transforms are products with
constant matrices, so the layer exports to ONNX; padding and subsampling are rows and columns of those matrices.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from mnist_etc.data.dataset import SIDE

__all__ = ["CHANNELS", "STRIDE", "Scattering", "build_features"]

Matrix = npt.NDArray[np.float32]

ANGLES = 8
PAD = 4
STRIDE = 4
CHANNELS = 1 + 2 * ANGLES + ANGLES**2
GROUPS = 27
EPSILON = 1e-5
PI = 3.1415
"""As Kymatio writes it in the height of its filters; a difference of 3e-5."""


@keras.saving.register_keras_serializable("mnist_etc")
class Scattering(layers.Layer):  # type: ignore[misc]
    """Scattering coefficients of two scales, eight angles and orders 0, 1 and 2; nothing is trained.

    Channel 0 is the low-passed image; 1 to 8 and 9 to 16 are the angles of the fine and the coarse wavelets; 17 to 80
    are the coarse wavelets (fast) of the modulus of the fine ones (slow).

    ``keras.saving.load_model`` reads a file with this layer once this module is imported.

    Args:
        trainable: of no matter.
        words: what `keras.layers.Layer` takes.
    """

    def __init__(self, trainable: bool = False, **words: Any) -> None:
        super().__init__(trainable=trainable, **words)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrices for images of a side, which is a multiple of 4."""
        side = input_shape[1]
        assert side
        self._side, self._padded = side, side + 2 * PAD
        fine, coarse = _wavelets(self._padded, scale=0), _wavelets(self._padded, scale=1)
        self._fine, self._coarse = np.tile(fine, (1, 1, 2)), np.tile(coarse, (1, 1, 2))
        transform = _fourier(self._padded)
        reflected = np.pad(np.eye(side), ((PAD, PAD), (0, 0)), mode="reflect")
        self._image_columns, self._image_rows = _real_input(transform @ reflected), _block(transform @ reflected)
        self._columns, self._rows = _real_input(transform), _block(transform)
        self._inverse = _block(transform.conj().T / self._padded)
        self._inverse_halved = _block(transform.conj().T[::2] / self._padded)
        self._inverse_half = _block(_fourier(self._padded // 2).conj().T / self._padded)
        self._low_pass = [_low_pass(self._padded, 0), _low_pass(self._padded, 1)]
        self._image_low_pass = (reflected.T @ self._low_pass[0]).astype(np.float32)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """``(batch, side, side, 1)``, float32 in [0, 1], to coefficients ``(batch, 81, side / 4, side / 4)``."""
        image = ops.reshape(inputs, (-1, 1, self._side, self._side))
        spectrum = _both_axes(image, self._image_columns, self._image_rows)
        fine = _modulus(_both_axes(spectrum * self._fine, self._inverse, self._inverse))
        coarse = _modulus(_both_axes(spectrum * self._coarse, self._inverse_halved, self._inverse_halved))
        spectra = _both_axes(fine, self._columns, self._rows)
        low, high = ops.split(ops.expand_dims(spectra, 2), 2, axis=-2)
        low_filter, high_filter = np.split(self._coarse, 2, axis=-2)
        folded = ops.reshape(
            low * low_filter + high * high_filter, (-1, ANGLES**2, self._padded // 2, 2 * self._padded)
        )
        second = _modulus(_both_axes(folded, self._inverse_halved, self._inverse_half))
        blurred = [
            _both_axes(image, self._image_low_pass, self._image_low_pass),
            _both_axes(fine, self._low_pass[0], self._low_pass[0]),
            _both_axes(coarse, self._low_pass[1], self._low_pass[1]),
            _both_axes(second, self._low_pass[1], self._low_pass[1]),
        ]
        return ops.transpose(ops.concatenate(blurred, axis=1), (0, 1, 3, 2))


def build_features(side: int = SIDE) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to features of that image alone, ``(batch, 3969)`` for a side of 28.

    Each image's coefficients are normalized in 27 groups of three channels, without parameters (Tramer and Boneh 2021,
    arXiv:2011.11660), and divided by the square root of their number. Their norm is below 1, on average 0.78 for MNIST
    and 0.73 for Fashion-MNIST: groups of faint coefficients stay faint beside the 1e-5 under the root.
    """
    return keras.Sequential(
        [
            layers.Input((side, side, 1)),
            Scattering(),
            layers.GroupNormalization(GROUPS, axis=1, epsilon=EPSILON, center=False, scale=False),
            layers.Flatten(),
            layers.Rescaling(1 / math.sqrt(CHANNELS * (side // STRIDE) ** 2)),
        ],
        name="scattering",
    )


def _both_axes(values: keras.KerasTensor, first: Matrix, second: Matrix) -> keras.KerasTensor:
    """Multiply the last axis by ``first``, then the one before it by ``second``; the two change places.

    A complex axis holds its real parts, then its imaginary ones.
    """
    rows = values.shape[-2]
    parts = second.shape[0] // rows
    columns = first.shape[1] // parts
    channels = values.shape[1:-2]
    values = ops.matmul(ops.reshape(values, (-1, first.shape[0])), first)
    values = ops.transpose(ops.reshape(values, (-1, rows, parts, columns)), (0, 3, 2, 1))
    values = ops.matmul(ops.reshape(values, (-1, parts * rows)), second)
    return ops.reshape(values, (-1, *channels, columns, second.shape[1]))


def _modulus(values: keras.KerasTensor) -> keras.KerasTensor:
    real, imaginary = ops.split(values, 2, axis=-1)
    return ops.sqrt(ops.square(real) + ops.square(imaginary))


def _fourier(size: int) -> npt.NDArray[np.complex128]:
    return np.fft.fft(np.eye(size))


def _real_input(matrix: npt.NDArray[np.complex128]) -> Matrix:
    """A complex matrix, to be applied from the right to real rows; its result is complex."""
    return np.hstack([matrix.T.real, matrix.T.imag]).astype(np.float32)


def _block(matrix: npt.NDArray[np.complex128]) -> Matrix:
    """A complex matrix, to be applied from the right to complex rows."""
    return np.block([[matrix.T.real, matrix.T.imag], [-matrix.T.imag, matrix.T.real]]).astype(np.float32)


def _wavelets(padded: int, scale: int) -> Matrix:
    """Morlet wavelets of width 0.8 * 2**scale in the Fourier domain, real, ``(angles, columns, rows)``."""
    filters = []
    for angle in (math.pi * (ANGLES // 2 - 1 - step) / ANGLES for step in range(ANGLES)):
        wave = _gabor(padded, 0.8 * 2**scale, angle, 0.75 * math.pi / 2**scale)
        envelope = _gabor(padded, 0.8 * 2**scale, angle, 0.0)
        filters.append(np.fft.fft2(wave - wave.sum() / envelope.sum() * envelope).real.T)
    return np.stack(filters).astype(np.float32)


def _gabor(padded: int, width: float, angle: float, frequency: float) -> npt.NDArray[np.complex128]:
    """A plane wave under a Gaussian, half as steep across ``angle``, wrapped around ``(rows, columns)``."""
    steps = np.arange(-2 * padded, 3 * padded)
    row, column = np.meshgrid(steps, steps, indexing="ij")
    along = row * math.cos(angle) + column * math.sin(angle)
    across = row * math.sin(angle) - column * math.cos(angle)
    slant = 4 / ANGLES
    wave = np.exp(1j * frequency * along - (along**2 + (slant * across) ** 2) / (2 * width**2))
    return np.asarray(wave.reshape(5, padded, 5, padded).sum(axis=(0, 2)) * slant / (2 * PI * width**2))


def _low_pass(padded: int, halvings: int) -> Matrix:
    """Blur, subsample to one in four and cut the padding off one axis that was halved before, ``(size, side / 4)``."""
    steps = np.arange(-2 * padded, 3 * padded)
    gaussian = np.exp(-(steps**2) / (2 * 1.6**2)).reshape(5, padded).sum(axis=0) / math.sqrt(2 * PI * 1.6**2)
    spectrum = np.fft.fft(gaussian).real
    size = padded >> halvings
    if halvings:
        spectrum = np.concatenate([spectrum[: size // 2], spectrum[-(size // 2) :]])
    blur = np.fft.ifft(spectrum[:, None] * _fourier(size), axis=0).real
    step = STRIDE >> halvings
    return blur[step:-step:step].T.astype(np.float32)
