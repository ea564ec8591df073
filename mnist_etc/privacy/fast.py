"""The fast engine: one forward and one backward pass for a whole batch, each unit's gradient clipped exactly.

The backward pass stops at the layers' outputs; from there book-keeping (Bu et al. 2022, arXiv:2210.00038) gives norms
and clipped sum without a second one. A layer's per-example gradients are formed where that is cheap; elsewhere only
their norms are, from Gram matrices over the output positions (Li et al. 2021, arXiv:2110.05679), and the clipped sum
is one product over the whole batch. A linear layer on a vector is the case of one position: its norm is the product of
two norms, and a person's images are further positions of one example.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf

from mnist_etc.privacy.engine import Loss, by_unit, only
from mnist_etc.privacy.layers import Linear, chain, matrix, rule_of
from mnist_etc.privacy.noise import gaussian_noise

__all__ = ["FastEngine"]

TINY = 1e-30
LOST = 1.2e-38
"""Below it a float32 square counts as 0, in sums too."""
ROUNDING = 1e-4
"""Of the positions' norms, added up and squared: where they cancel to less, Gram matrices hold their rounding alone."""


Keep = Callable[[tf.Tensor], tf.Tensor]
"""From ``(units, ...)``: zeros in place of the units that do not count."""


@dataclass(frozen=True)
class _Passed:
    """A layer with weights on the way forward."""

    rule: Linear
    inputs: tf.Tensor
    outputs: tf.Tensor
    """Before the activation."""


@dataclass(frozen=True)
class _Part:
    """One weight's gradients."""

    squares: tf.Tensor
    """Of each unit's norm, ``(units,)``."""
    weighted_sum: Callable[[tf.Tensor, Keep], tf.Tensor]
    """The sum of the gradients times a factor a unit ``(units,)``, made of what `Keep` keeps."""


class FastEngine:
    """See `mnist_etc.privacy.engine.ClippingEngine` and `mnist_etc.privacy.registry.build_engine`."""

    def __init__(
        self, model: keras.Model, loss: Loss, *, l2_norm_clip: float, noise_multiplier: float, seed: int
    ) -> None:
        self._rules = [rule_of(layer) for layer in chain(model)]
        self._loss, self._clip, self._seed = loss, l2_norm_clip, seed
        self._stddev = l2_norm_clip * noise_multiplier

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        mask, batch = by_unit(mask, batch)
        images = mask.shape[1]
        flat = [tf.reshape(values, [-1, *values.shape[2:]]) for values in batch]
        passed: list[_Passed] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            losses = self._loss(lambda inputs: self._forward(inputs, weights, tape, passed), *flat)
            losses = losses * tf.reshape(mask, [-1])
        gradients = tape.gradient(losses, [layer.outputs for layer in passed])
        parts: list[_Part] = []
        for layer, gradient in zip(passed, gradients, strict=True):
            rows, columns = layer.rule.factors(layer.inputs, gradient)
            parts.append(_kernel(_joined(rows, images), _joined(columns, images)))
            if layer.rule.layer.use_bias:
                parts.append(_bias(_joined(matrix(gradient), images)))
        squares = tf.add_n([part.squares for part in parts])
        finite = tf.math.is_finite(squares)
        clipping = tf.minimum(1.0, self._clip * tf.math.rsqrt(tf.maximum(squares, TINY)))
        factors = only(finite & tf.reduce_any(mask > 0, 1), clipping)

        def total(keep: Keep) -> tf.Tensor:
            return tf.concat([tf.reshape(part.weighted_sum(factors, keep), [-1]) for part in parts], 0)

        # Nearly always all are finite, and to look at each again would cost a linear head a quarter of its speed.
        everyone = tf.reduce_all(finite)
        return tf.cond(everyone, lambda: total(lambda values: values), lambda: total(partial(only, finite)))

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return total + gaussian_noise(tf.size(total), self._seed, step, self._stddev)

    def _forward(
        self, inputs: tf.Tensor, weights: Sequence[tf.Tensor], tape: tf.GradientTape, passed: list[_Passed]
    ) -> tf.Tensor:
        left = list(weights)
        values = inputs
        for rule in self._rules:
            if not isinstance(rule, Linear):
                values = rule.layer(values, training=True)
                continue
            outputs = rule.linear(values, left.pop(0))
            if rule.layer.use_bias:
                outputs = tf.nn.bias_add(outputs, left.pop(0))
            tape.watch(outputs)
            passed.append(_Passed(rule, values, outputs))
            values = rule.layer.activation(outputs)
        return values


def _kernel(rows: tf.Tensor, columns: tf.Tensor) -> _Part:
    """From matrices ``(units, positions, rows)`` and ``(units, positions, columns)``, whichever way is less work."""
    positions, height, width = rows.shape[1], rows.shape[2], columns.shape[2]
    if positions * (height + width) >= height * width and positions > 1:
        formed = tf.matmul(columns, rows, transpose_a=True)  # a quarter faster than its transpose
        squares = tf.reduce_sum(tf.square(formed), [1, 2])
        return _Part(squares, lambda factors, keep: tf.transpose(tf.tensordot(factors, keep(formed), 1)))
    high, wide = height * LOST, width * LOST  # what a square norm is short of at most, times the other's, may be much
    if positions == 1:
        squares = (tf.reduce_sum(tf.square(rows), [1, 2]) + high) * (tf.reduce_sum(tf.square(columns), [1, 2]) + wide)
    else:
        of_rows, of_columns = (tf.matmul(factor, factor, transpose_b=True) for factor in (rows, columns))
        norms = [tf.sqrt(tf.linalg.diag_part(gram)) for gram in (of_rows, of_columns)]
        row_terms, column_terms, terms = (tf.reduce_sum(one, 1) for one in (*norms, norms[0] * norms[1]))
        lost = tf.square(math.sqrt(high) * column_terms) + tf.square(math.sqrt(wide) * row_terms)
        squares = tf.maximum(tf.reduce_sum(of_rows * of_columns, [1, 2]), ROUNDING * tf.square(terms)) + lost

    def weighted_sum(factors: tf.Tensor, keep: Keep) -> tf.Tensor:
        weighted = keep(columns) * factors[:, tf.newaxis, tf.newaxis]
        return tf.matmul(tf.reshape(keep(rows), [-1, height]), tf.reshape(weighted, [-1, width]), transpose_a=True)

    return _Part(squares, weighted_sum)


def _joined(factor: tf.Tensor, images: int) -> tf.Tensor:
    """``(units * images, positions, n)`` to ``(units, images * positions, n)``."""
    return tf.reshape(factor, [-1, images * factor.shape[1], factor.shape[2]])


def _bias(gradient: tf.Tensor) -> _Part:
    """From ``(units, positions, columns)``."""
    vectors = tf.reduce_sum(gradient, 1)
    squares = tf.reduce_sum(tf.square(vectors), 1)
    return _Part(squares, lambda factors, keep: tf.linalg.matvec(keep(vectors), factors, True))
