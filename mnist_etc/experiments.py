"""Named experiments: ``experiment=<name>`` is ``conf/experiment/<command>/<name>.yaml``, or a path of such a file.

Each begins with ``# @package _global_``, its command and the figure that it reached. What is typed besides wins.
"""

from __future__ import annotations

import re
from pathlib import Path

from mnist_etc.errors import ConfigError
from mnist_etc.files import read_limited

__all__ = ["EXPERIMENT", "chosen", "experiments", "extends", "made_for"]

EXPERIMENT = "experiment"
"""The key, and the folder in ``conf/``."""
GIVEN = "_given_"
"""What Hydra calls the file of a path."""
LIMIT = 2**20
HEAD = re.compile(r"(?m)^# .*?(\w+)(?:\.py)? '?experiment=")
"""Of a file, with the name of its command: ``python train.py``, ``python -m train_.supervised``."""


def experiments(conf: Path, command: str) -> list[str]:
    """The names that a command knows.

    Args:
        conf: the folder of the configuration.
        command: its name.
    """
    return sorted(path.stem for path in (conf / EXPERIMENT / command).glob("*.yaml"))


def chosen(words: list[str], conf: Path, command: str) -> tuple[list[str], str | None]:
    """Split the words of a command line into those that choose no experiment, and the experiment.

    Raises:
        ConfigError: there is no such experiment, or two are chosen.
    """
    given = [word.partition("=")[2] for word in words if word.startswith(f"{EXPERIMENT}=")]
    if not given:
        return words, None
    *others, name = given
    if others:
        raise ConfigError(f"Expected one {EXPERIMENT}; received {', '.join(given)}. Leave one of them out.")
    if _is_path(name):
        if not Path(name).expanduser().is_file():
            raise ConfigError(f"Expected a file for {EXPERIMENT}; received {name!r}, which is none.")
    elif name not in (known := experiments(conf, command)):
        for other in sorted(path.name for path in (conf / EXPERIMENT).glob("*")):
            if name in experiments(conf, other):
                raise ConfigError(f"Expected an {EXPERIMENT} of {command}; received {name!r}, which is one of {other}.")
        expected = f"as one of {', '.join(known)}, or" if known else "as"
        raise ConfigError(
            f"Expected {EXPERIMENT} {expected} the path of a YAML file; received {name!r}. To add it: "
            f"{conf / EXPERIMENT / command}/<name>.yaml"
        )
    return [word for word in words if not word.startswith(f"{EXPERIMENT}=")], name


def extends(experiment: str | None, command: str) -> list[str]:
    """Hydra's overrides that have a command's configuration extended by an experiment.

    Raises:
        ConfigError: the file of a path is no YAML of keys and values.
    """
    if experiment is None:
        return []
    if not _is_path(experiment):
        return [f"+{EXPERIMENT}/{command}={experiment}"]
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    path = Path(experiment).expanduser()
    try:
        node = OmegaConf.create(read_limited(path, LIMIT).decode())
        if not OmegaConf.is_dict(node) or not node:
            raise ValueError("another form")
    except (ValueError, YAMLError, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"Expected keys with their values in {path}; received no such YAML: {reason}.") from None
    ConfigStore.instance().store(GIVEN, node, group=f"{EXPERIMENT}/{command}", package="_global_")
    return [f"+{EXPERIMENT}/{command}={GIVEN}"]


def made_for(experiment: str, conf: Path) -> str | None:
    """The command of the configuration in ``conf`` that the head of an experiment's file names, if it is a path's."""
    if not _is_path(experiment):
        return None
    named = HEAD.search(read_limited(Path(experiment).expanduser(), LIMIT).decode(errors="replace"))
    return named[1] if named and (conf / f"{named[1]}.yaml").is_file() else None


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml"))
