"""ENGINES, what ``privacy.engine`` may name: what clips each image's gradient and adds the noise."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ConfigError, PrivacyError
from mnist_etc.privacy.layer_names import FOLLOWED, MIXING, never, not_yet
from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import keras

    from mnist_etc.privacy.engine import ClippingEngine, Loss

__all__ = ["ENGINES", "Engine", "build_engine", "refuse"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A row of `ENGINES`."""

    help: str
    build: Callable[..., ClippingEngine]
    """Called as `build_engine` is, without the name; it imports TensorFlow when it is called."""
    layers: Collection[str] | None
    """Class names of the layers that it follows; None: every layer that answers each example by itself."""
    package: str | None = None
    """What must be installed beside this project, by the name it is imported by; None: nothing."""
    python: str | None = None
    """The Python for which that package is published; None: any."""

    def require_installed(self) -> None:
        """Refuse an engine whose package is not installed.

        Raises:
            PrivacyError: it is not; names the Python that it is published for.
        """
        if self.package and importlib.util.find_spec(self.package) is None:
            needs = f" It needs Python {self.python}." if self.python else ""
            name = self.package.replace("_", "-")
            raise PrivacyError(f"{name} is not installed.{needs} Pass privacy.engine=fast.")


def _fast(*args: Any, **settings: Any) -> ClippingEngine:
    from mnist_etc.privacy.fast import FastEngine

    return FastEngine(*args, **settings)


def _tensorflow_privacy(*args: Any, **settings: Any) -> ClippingEngine:
    from mnist_etc.privacy.reference import TensorFlowPrivacyEngine

    return TensorFlowPrivacyEngine(*args, **settings)


ENGINES: Registry[Engine] = Registry("clipping engine")
ENGINES.add(
    "fast", Engine(help="this project's: exact norms layer by layer, a batch at once", build=_fast, layers=FOLLOWED)
)
ENGINES.add(
    "tensorflow_privacy",
    Engine(
        help="TensorFlow Privacy's GaussianSumQuery, image by image: the reference",
        build=_tensorflow_privacy,
        layers=None,
        package="tensorflow_privacy",
        python="3.11",
    ),
)


def build_engine(
    name: str, model: keras.Model, loss: Loss, *, l2_norm_clip: float, noise_multiplier: float, seed: int
) -> ClippingEngine:
    """The engine of that name, for one model.

    Args:
        name: of a row of `ENGINES`.
        model: every weight of it is trained.
        loss: of each example.
        l2_norm_clip: greatest norm that one example's gradient keeps.
        noise_multiplier: standard deviation of the noise in units of the clip.
        seed: of the noise, 0 to 2**128 - 1; who knows it can subtract the noise.

    Raises:
        ConfigError: there is no engine of that name.
        PrivacyError: the engine has no exact rule for a layer, or is not installed.
    """
    row = ENGINES[name]
    row.require_installed()
    return row.build(model, loss, l2_norm_clip=l2_norm_clip, noise_multiplier=noise_multiplier, seed=seed)


def refuse(engine: str, layer_names: Iterable[str]) -> None:
    """Refuse a private training of a model with a layer that the engine cannot follow; TensorFlow is not needed.

    Args:
        engine: name of a row of `ENGINES`.
        layer_names: class names of the model's layers, those of nested models included: "Dense".

    Raises:
        ConfigError: a layer mixes the batch, which no engine can ever follow, or this engine has no rule for it yet.
    """
    followed = ENGINES[engine].layers
    for name in sorted(layer_names, key=lambda name: name not in MIXING):
        if name in MIXING:
            raise ConfigError(never(f"the layer {name}"))
        if followed is not None and name not in followed:
            raise ConfigError(not_yet(f"the layer {name}", engine))
