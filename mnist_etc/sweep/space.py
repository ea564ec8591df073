"""The search space, read from YAML: a key of the configuration, its type and range, and when it is searched at all.

model.optimizer: { type: categorical, choices: [adam, sgd] }
model.learning_rate: { type: float, low: 1e-4, high: 1e-2, log: true }
model.weight_decay: { type: float, low: 0, high: 0.01, step: 0.001, if: { model.optimizer: [sgd] } }
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ConfigError
from mnist_etc.files import read_limited
from mnist_etc.overrides import kinds, unknown
from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import optuna

__all__ = ["KINDS", "Parameter", "Space", "word"]

LIMIT = 2**20
FIXED = (
    *("artifacts", "force", "run_name", "tracking", "data.", "privacy.ledger", "privacy.lifetime_epsilon"),
    *("gates.", "repository", "skip_", "quiet", "model.name"),
)
"""Keys that no trial may vary: accuracies would be of other images, or nothing would differ."""
Value = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One key of the configuration that is searched."""

    type: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: list[Value] = field(default_factory=list)
    when: dict[str, list[Value]] = field(default_factory=dict)
    """It is searched where each of these keys has one of these values."""

    @property
    def ends(self) -> list[Value]:
        """The values that have to be allowed, so that all are."""
        return list(self.choices) or [self.low, self.high]

    def active(self, found: Mapping[str, Value]) -> bool:
        """Whether it is searched beside ``found``."""
        return all(key in found and found[key] in allowed for key, allowed in self.when.items())


Suggest = Callable[["optuna.Trial", str, Parameter], Value]
KINDS: Registry[Suggest] = Registry("type of a parameter")
KINDS.add(
    "float",
    lambda trial, key, one: trial.suggest_float(key, one.low or 0.0, one.high or 0.0, step=one.step, log=one.log),
)
KINDS.add(
    "int",
    lambda trial, key, one: trial.suggest_int(
        key, int(one.low or 0), int(one.high or 0), step=int(one.step or 1), log=one.log
    ),
)
KINDS.add("categorical", lambda trial, key, one: trial.suggest_categorical(key, one.choices))


@dataclass(frozen=True)
class Space:
    """What is searched, in the order in which values are drawn."""

    parameters: dict[str, Parameter]
    content: dict[str, Any]
    """As it was read: what a study belongs to."""

    @classmethod
    def read(cls, path: Path, schema: type[Any]) -> Space:
        """Read and check a file.

        Args:
            path: of the YAML.
            schema: dataclass of the keys.

        Raises:
            ConfigError: it is no space, or one that nothing can be drawn from.
        """
        content = _yaml(path)
        parameters: dict[str, Parameter] = {}
        for key, given in content.items():
            _check_key(key, schema, path)
            parameters[key] = _parameter(key, given, parameters, path)
        return cls(parameters, content)

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        """Draw the values of a trial."""
        found: dict[str, Value] = {}
        for key, one in self.parameters.items():
            if one.active(found):
                found[key] = KINDS[one.type](trial, key, one)
        return found

    def corners(self) -> Iterator[list[str]]:
        """Words of a command line that set each parameter to each end of its range, where it is searched."""
        for key, one in self.parameters.items():
            for conditions in self._conditions(key):
                for value in one.ends:
                    yield [word(other, given) for other, given in (conditions | {key: value}).items()]

    def _conditions(self, key: str) -> Iterator[dict[str, Value]]:
        """Values of the keys, and of those that these depend on, at which ``key`` is searched: all there are."""
        when = self.parameters[key].when
        for values in itertools.product(*when.values()):
            given = dict(zip(when, values, strict=True))
            for above in itertools.product(*map(self._conditions, when)):
                together = {other: value for one in above for other, value in one.items()}
                if all(together.get(other, value) == value for other, value in given.items()):
                    yield together | given


def word(key: str, value: Value) -> str:
    """As it is typed on a command line."""
    return f"{key}={json.dumps(value) if value is None or isinstance(value, bool) else value}"


def _yaml(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        content: Any = OmegaConf.to_container(OmegaConf.create(read_limited(path, LIMIT).decode()))
    except AssertionError:  # OmegaConf's, of a file that is one number
        content = None
    except (YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(f"Expected YAML in {path}; received: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict) or not content:
        received = "none" if content == {} else "a list" if isinstance(content, list) else "a single value"
        raise ConfigError(
            f"Expected keys to search in {path}; received {received}. Add a line such as: "
            "model.learning_rate: { type: float, low: 1e-4, high: 1e-2, log: true }"
        )
    return {str(key): value for key, value in content.items()}


def _check_key(key: str, schema: type[Any], path: Path) -> None:
    if key not in kinds(schema):
        raise ConfigError(f"{unknown(key, schema)} (in {path})")
    if key.startswith(FIXED):
        raise ConfigError(
            f"Expected keys that decide how well a model is trained in {path}; received {key}. Remove it."
        )


def _parameter(key: str, given: Any, before: Mapping[str, Parameter], path: Path) -> Parameter:
    place = f"{key} in {path}"
    if not isinstance(given, dict):
        raise ConfigError(f"Expected {{ type: ..., ... }} of {place}; received {given!r}.")
    given = dict(given)
    conditions = given.pop("if", None) or {}
    if not isinstance(conditions, dict) or not all(_listed(allowed) for allowed in conditions.values()):
        raise ConfigError(f"Expected {{ key: value }} as the condition of {place}; received {conditions!r}.")
    when = {str(other): _listed(allowed) for other, allowed in conditions.items()}
    if wrong := set(given) - {"type", "low", "high", "log", "step", "choices"}:
        raise ConfigError(f"Expected type, low, high, log, step, choices or if of {place}; received {min(wrong)!r}.")
    one = Parameter(when=when, **{"type": "categorical" if "choices" in given else "float"} | given)
    KINDS.check(str(one.type), f"the type of {place}")
    for other, allowed in when.items():
        if other not in before:
            raise ConfigError(f"Expected a key above it in the condition of {place}; received {other!r}.")
        if before[other].choices and (never := [value for value in allowed if value not in before[other].choices]):
            raise ConfigError(f"Expected a choice of {other} in the condition of {place}; received {never[0]!r}.")
    _check_range(one, place)
    return one


def _check_range(one: Parameter, place: str) -> None:
    if one.type == "categorical":
        if not isinstance(one.choices, list) or not one.choices or not all(map(_is_value, one.choices)):
            raise ConfigError(f"Expected a list of choices of {place}; received {one.choices!r}.")
        return
    numbers = int if one.type == "int" else (int, float)
    for name, value in (("low", one.low), ("high", one.high), *((("step", one.step),) if one.step is not None else ())):
        if not isinstance(value, numbers) or isinstance(value, bool):
            raise ConfigError(f"Expected a number for {name} of {place}, of type {one.type}; received {value!r}.")
    assert one.low is not None
    assert one.high is not None
    if not one.low < one.high or (one.log and one.low <= 0):
        least = "0 < low < high where log is true" if one.log else "low < high"
        raise ConfigError(f"Expected {least} of {place}; received low {one.low} and high {one.high}.")
    if one.step is not None and (one.log or one.step <= 0):
        raise ConfigError(f"Expected a step above 0, and none where log is true, of {place}; received {one.step}.")


def _listed(value: Any) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
