"""INFERENCE_ENGINES, what ``engine`` may name: where the parts of an input are answered."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_etc.errors import ConfigError
from mnist_etc.registry import Registry, resolve

__all__ = ["INFERENCE_ENGINES", "LOCAL", "STATE", "InferenceEngine", "is_folder"]

LOCAL = "local"
STATE = "_answers.json"
"""Beside the shards: what they answer, and how; readers of Parquet pass over names that begin so."""


@dataclass(frozen=True, kw_only=True)
class InferenceEngine:
    """A row of `INFERENCE_ENGINES`."""

    help: str
    answer: str | Callable[..., Iterator[str]]
    """``module:function``, or the function, of the `InferCommand`, the `SelectedModel` and every `Shard` that is left;
    it answers them by `mnist_etc.inference.shards.ShardClassifier` and yields the name of each as it is done."""
    package: str | None = None
    """What must be installed besides, which is the extra of the same name; None: nothing."""

    def run(self, config: object, model: object, shards: Sequence[object]) -> Iterator[str]:
        """Answer ``shards`` by ``model``; see `answer`."""
        answered: Iterator[str] = resolve(self.answer)(config, model, shards)
        return answered

    def require_installed(self) -> None:
        """Refuse an engine whose package is not installed.

        Raises:
            ConfigError: names the package.
        """
        if self.package and importlib.util.find_spec(self.package) is None:
            raise ConfigError(
                f"Expected the package {self.package}, which engine={self.package} runs on; received an environment "
                f"without it. Install it: pip install 'mnist-etc[{self.package}]', or pass engine={LOCAL}."
            )


INFERENCE_ENGINES: Registry[InferenceEngine] = Registry("inference engine")
INFERENCE_ENGINES.add(LOCAL, InferenceEngine(help="this process", answer="mnist_etc.inference.local_engine:answer"))
INFERENCE_ENGINES.add(
    "ray",
    InferenceEngine(help="actors of a Ray cluster", answer="mnist_etc.inference.ray_engine:answer", package="ray"),
)


def is_folder(output: str | None) -> bool:
    """Whether ``output=`` asks for a folder of shards: it ends in a slash, or is a folder of shards already."""
    return output is not None and (output.endswith("/") or (Path(output) / STATE).is_file())
