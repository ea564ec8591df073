"""Fitted attacks on a single answer as ONNX operators, so that a server rebuilds images without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary
from mnist_etc.attack.inverse_network import inverse_networks
from mnist_etc.attack.live import LABEL
from mnist_etc.attack.mean_by_answer import MANY, mean_by_answer, mean_suffices
from mnist_etc.attack.mixture_regression import Lines
from mnist_etc.policy.operators import Operators

__all__ = ["PARTS", "ClassLines", "ClassMeans", "InverseNetworks", "LivePart", "MeanTable"]

FEW = 256
"""Different answers whose mean images are kept, whatever the attacker has."""
LARGE = 1000
"""Numbers from which a constant is kept in half precision."""
Array = NDArray[Any]


class LivePart(Protocol):
    """An attack that was fitted to what an attacker has."""

    def add(self, operators: Operators, answer: str, scores: str) -> str:
        """Add its operators; return the name of the images, float32 ``(batch, pixels)`` in [0, 1].

        Args:
            operators: what to add to.
            answer: name of the answers, float32 ``(batch, classes)``.
            scores: name of the same where differences are informative, ``(batch, classes)``.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanTable:
    """The attack ``mean_by_answer``: a table of answers and mean images."""

    answers: Array
    """``(n, classes)``, each another one."""
    images: Array
    """``(n + 1, pixels)``: the last is the mean of all, of an answer that the attacker never saw."""

    @classmethod
    def fit(cls, adversary: Adversary) -> Self | None:
        """None where the attacker's answers are too many for a table."""
        distinct = np.unique(adversary.answers, axis=0)
        if len(distinct) > max(FEW, len(adversary.answers) // MANY):
            return None
        images = adversary.own.images
        means = mean_by_answer(adversary.answers, images, distinct)
        return cls(
            answers=distinct, images=np.concatenate([means, images.mean(axis=0)[None]]).reshape(len(means) + 1, -1)
        )

    def add(self, operators: Operators, answer: str, scores: str) -> str:  # noqa: ARG002
        """Compare with each answer of the table, look its image up."""
        told = operators.add("Unsqueeze", answer, operators.constant([1], np.int64))
        same = operators.cast(
            operators.add("Equal", told, operators.constant(self.answers[None], np.float32)), np.int64
        )
        whole = operators.add("ReduceMin", same, operators.constant([2], np.int64), keepdims=0)
        place = operators.add("ArgMax", whole, axis=1, keepdims=0)
        known = operators.cast(
            operators.add("ReduceMax", whole, operators.constant([1], np.int64), keepdims=0), np.bool_
        )
        row = operators.add("Where", known, place, operators.constant(len(self.answers), np.int64))
        return operators.add("Gather", _constant(operators, self.images), row, axis=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassMeans:
    """What whoever knows the label alone has, whatever else an answer tells: the mean image of its class."""

    images: Array
    """``(classes, pixels)``; the mean of all of a class that no answer of the attacker's names."""

    @classmethod
    def fit(cls, adversary: Adversary) -> Self:
        """From the classes that the attacker's answers name."""
        named = adversary.answers.argmax(axis=1).astype(np.float32)
        asked = np.arange(adversary.answers.shape[1], dtype=np.float32)
        means = mean_by_answer(named[:, None], adversary.own.images, asked[:, None])
        return cls(images=means.reshape(len(asked), -1))

    def add(self, operators: Operators, answer: str, scores: str) -> str:  # noqa: ARG002
        """Look the image of the class up."""
        label = operators.add("ArgMax", answer, axis=1, keepdims=0)
        return operators.add("Gather", _constant(operators, self.images), label, axis=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassLines:
    """The attack ``linear_regression``: for each class a line from the scores to the image."""

    slopes: Array
    """``(classes, classes, pixels)``; zeros of a class that no answer of the attacker's names."""
    scores: Array
    """Their mean, of each class, ``(classes, classes)``."""
    images: Array
    """Likewise ``(classes, pixels)``; the mean of all of a class that no answer names."""

    @classmethod
    def fit(cls, adversary: Adversary) -> Self | None:
        """None where the mean by answer is as good."""
        if mean_suffices(adversary.answers):
            return None
        flat, scores = adversary.own.flat, adversary.scores.astype(np.float64)
        named, width = adversary.answers.argmax(axis=1), scores.shape[1]
        slopes = np.zeros((width, width, flat.shape[1]))
        middles, images = np.zeros((width, width)), np.tile(flat.mean(axis=0, dtype=np.float64), (width, 1))
        for label in np.unique(named):
            own = named == label
            line = Lines.of(scores[own], flat[own], np.zeros(int(own.sum()), np.intp))
            slopes[label] = line.slopes[0]
            middles[label], images[label] = line.features.means[0], line.images[0]
        return cls(slopes=slopes, scores=middles, images=images)

    def add(self, operators: Operators, answer: str, scores: str) -> str:
        """Look the line of the class up that the answer names."""
        label = operators.add("ArgMax", answer, axis=1, keepdims=0)
        slope = operators.add("Gather", _constant(operators, self.slopes), label, axis=0)
        middle = operators.add("Gather", operators.constant(self.scores, np.float32), label, axis=0)
        row = operators.add("Unsqueeze", operators.add("Sub", scores, middle), operators.constant([1], np.int64))
        moved = operators.add("Squeeze", operators.add("MatMul", row, slope), operators.constant([1], np.int64))
        start = operators.add("Gather", operators.constant(self.images, np.float32), label, axis=0)
        found = operators.add("Add", start, moved)
        return operators.add("Clip", found, operators.constant(0, np.float32), operators.constant(1, np.float32))


@dataclass(frozen=True, eq=False, kw_only=True)
class InverseNetworks:
    """The attack ``inverse_network``: the mean of what the networks make of the scores."""

    networks: Sequence[keras.Model]
    """Scores ``(batch, classes)`` to images ``(batch, side, side)``."""

    @classmethod
    def fit(cls, adversary: Adversary) -> Self | None:
        """None where the mean by answer is as good."""
        learned, _ = adversary.features
        if mean_suffices(learned):
            return None
        made = inverse_networks(adversary.config, learned, adversary.own.images, adversary.seed)
        return cls(networks=list(made))

    def add(self, operators: Operators, answer: str, scores: str) -> str:  # noqa: ARG002
        """The networks, layer by layer."""
        images = [_network(operators, network, scores) for network in self.networks]
        total = images[0] if len(images) == 1 else operators.add("Sum", *images)
        return operators.add("Div", total, operators.constant(len(images), np.float32))


PARTS: dict[str, type[ClassMeans | MeanTable | ClassLines | InverseNetworks]] = {
    LABEL: ClassMeans,
    "mean_by_answer": MeanTable,
    "linear_regression": ClassLines,
    "inverse_network": InverseNetworks,
}
"""By their rows in `mnist_etc.attack.registry.ATTACKS`, and the label alone; the smaller come first.

They are those that are small enough to be sent along and need no encoder. In the study no other one beats the best of
them on a single answer.
"""


def _constant(operators: Operators, value: Array) -> str:
    """A constant that is float32 to whoever reads it, kept in half precision where it is large."""
    if value.size < LARGE:
        return operators.constant(value, np.float32)
    return operators.cast(operators.constant(value, np.float16), np.float32)


def _network(operators: Operators, network: keras.Model, scores: str) -> str:
    """A functional Keras model of the layers that `mnist_etc.attack.inverse_network` uses, up to its flat images."""
    names = {id(network.inputs[0]): scores}
    for layer in network.layers:
        if not isinstance(layer, layers.InputLayer):
            given = layer.input if isinstance(layer.input, list) else [layer.input]
            names[id(layer.output)] = _layer(operators, layer, [names[id(one)] for one in given])
    return names[id(network.outputs[0])]


def _layer(operators: Operators, layer: Any, given: Sequence[str]) -> str:
    match layer:
        case layers.Normalization():
            off = operators.add("Sub", given[0], operators.constant(np.asarray(layer.mean), np.float32))
            return operators.add("Div", off, operators.constant(np.sqrt(np.asarray(layer.variance)), np.float32))
        case layers.Dense():
            kernel, bias = layer.get_weights()
            product = operators.add("MatMul", given[0], _constant(operators, kernel))
            return _activated(operators, operators.add("Add", product, operators.constant(bias, np.float32)), layer)
        case layers.RMSNormalization():
            square = operators.add("Mul", given[0], given[0])
            mean = operators.add("ReduceMean", square, operators.constant([-1], np.int64), keepdims=1)
            size = operators.add("Sqrt", operators.add("Add", mean, operators.constant(layer.epsilon, np.float32)))
            scale = operators.constant(np.asarray(layer.scale), np.float32)
            return operators.add("Mul", operators.add("Div", given[0], size), scale)
        case layers.Add():
            return operators.add("Sum", *given)
        case layers.Reshape():
            return given[0]
        case _:
            raise TypeError(f"Expected a layer of an inverse network; received {type(layer).__name__}.")


def _activated(operators: Operators, value: str, layer: Any) -> str:
    match layer.activation.__name__:
        case "linear":
            return value
        case "sigmoid":
            return operators.add("Sigmoid", value)
        case "silu":
            return operators.add("Mul", value, operators.add("Sigmoid", value))
        case name:
            raise TypeError(f"Expected the activation of an inverse network; received {name}.")
