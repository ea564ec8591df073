"""``--multirun``: one command for each combination of values, in a process and a folder of its own.

The values are given in Hydra's grammar: ``key=1,2``, ``key=choice(a,b)``, ``key=range(3)``, ``group=glob(*)``, and
``shuffle`` and ``sort`` of them. Hydra parses; nothing of it that launches, instantiates or unpickles is in reach.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from mnist_etc import interrupt
from mnist_etc.artifacts.trial_folder import combination_folder
from mnist_etc.composition import choices, compose, conf_folder, entry, program
from mnist_etc.errors import ConfigError, ExitCode
from mnist_etc.experiments import EXPERIMENT, experiments
from mnist_etc.overrides import kinds
from mnist_etc.processes import Child

__all__ = ["combinations", "run_each"]

MOST = 10_000
"""Combinations."""


@dataclass
class Run:
    """One combination."""

    words: list[str]
    """All of its command line but the folder."""
    varied: list[str]
    """Those that differ between the combinations."""
    code: int = 0
    seconds: float = 0.0
    told: dict[str, float] = field(default_factory=dict)
    """Figures of it."""

    @property
    def result(self) -> str:
        """The figures on the validation images, or what there is."""
        shown = {name: value for name, value in self.told.items() if not name.startswith("test_")} or self.told
        return "  ".join(f"{name} {value:.5g}" for name, value in shown.items())


def run_each(name: str, schema: type[Any], words: list[str]) -> int:
    """Run the command ``name`` once for each combination of the values in ``words``, one after another.

    All are checked before the first is run; one that fails does not keep the others from being run.

    Args:
        name: of the command.
        schema: dataclass of its keys.
        words: of the command line, each ``key=value`` or ``key=<several values>``.

    Returns:
        0, or the exit code of those that failed, or 1 where these differ.

    Raises:
        ConfigError: a value of a combination is wrong, or the grammar; nothing was run.
    """
    runs = combinations(name, schema, words)
    folders = []
    for run in runs:
        config = compose(name, schema, run.words)
        folders.append(combination_folder(config, run.words))
    interrupt.loaded()
    for number, (run, folder) in enumerate(zip(runs, folders, strict=True), 1):
        print(f"[{number}/{len(runs)}] {' '.join(run.varied)}  in {folder}/", flush=True)
        _run([*entry(name), *(word for word in run.words if not word.startswith("artifacts="))], folder, run)
    print(_table(runs), flush=True)
    codes = {run.code for run in runs if run.code}
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED if codes else ExitCode.DONE


def combinations(name: str, schema: type[Any], words: list[str]) -> list[Run]:
    """Every combination of the values in ``words``, the last word's varied first.

    Raises:
        ConfigError: a word is not of Hydra's grammar, or stands for no value, or they are more than `MOST`.
    """
    several = [_values(name, schema, word) for word in words]
    given = {word for values in several if len(values) == 1 for word in values}
    product = list(itertools.islice(itertools.product(*several), MOST + 1))
    if len(product) > MOST:
        raise ConfigError(f"Expected at most {MOST:,} combinations; received more. Give fewer values.")
    return [Run(list(one), [word for word in one if word not in given] or list(one)) for one in product]


def _values(name: str, schema: type[Any], word: str) -> list[str]:
    """The words that ``word`` stands for."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(word)
    except HydraException:  # a text in characters of the grammar; if it is none, composing says so
        return [word]
    if not parsed.is_sweep_override():
        return [word]
    key = parsed.get_key_element()
    if not parsed.is_discrete_sweep():
        raise ConfigError(
            f"Expected values for {key} that can be counted; received {word.partition('=')[2]!r}. To search an "
            f"interval: python -m mnist_etc.sweep; else {program()} -m '{key}=range(0,1,0.1)'"
        )
    value = parsed.value()
    if isinstance(value, Glob):
        known = choices(name, schema) | {EXPERIMENT: experiments(conf_folder(name), name)}
        if not (found := value.filter(known.get(key, []))):
            raise ConfigError(
                f"Expected a choice of {key} that {word.partition('=')[2]} fits; received none. See --help"
            )
        return [f"{key}={one}" for one in found]
    text = kinds(schema).get(key) in (str, str | None)
    if not (elements := list(itertools.islice(_elements(parsed, text=text), MOST + 1))):
        raise ConfigError(f"Expected a value of {key}; received none in {word!r}. Give one, or several.")
    return [f"{key}={one}" for one in elements]


def _elements(parsed: Any, *, text: bool) -> Iterator[str]:
    """As they are typed; of a key that holds a text, quoted or plain."""
    from hydra.core.override_parser.types import QuotedString, Transformer

    for element in parsed.sweep_iterator(Transformer.identity):
        if isinstance(element, QuotedString):
            yield element.with_quotes()
        else:
            yield str(element) if text and element is not None else str(Transformer.encode(element))


def _run(words: list[str], folder: str, run: Run) -> None:
    with closing(Child([*words, f"artifacts={folder}"])) as child:
        run.code = child.wait()
        for told in child.told():
            run.told |= told.get("figures", {})
            if "result" in told and told["result"] not in run.told.values():
                run.told["result"] = told["result"]
        run.seconds = child.seconds
    if run.code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        raise KeyboardInterrupt
    if run.code:
        print(f"warning: {' '.join(run.varied)} failed with exit code {run.code}", file=sys.stderr, flush=True)


def _table(runs: list[Run]) -> str:
    rows = [("combination", "exit code", "seconds", "result")]
    rows += [(" ".join(run.varied), str(run.code), f"{run.seconds:.0f}", run.result) for run in runs]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )
