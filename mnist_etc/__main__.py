"""``python -m mnist_etc``: what there is to run, and a way to it.

A command is found by the console script that the installed project declares, so nothing here imports the training.
"""

from __future__ import annotations

import sys

from mnist_etc.errors import ConfigError

__all__ = ["infer", "main", "reconstruct"]

DISTRIBUTION = "mnist-etc"
COMMANDS = {
    "train": "fit the autoencoder, then the classifier on its code, and export both",
    "autoencoder": "fit and export the autoencoder alone",
    "classifier": "fit and export the classifier on a finished autoencoder",
    "infer": "classify the test split or your own images into a CSV, without TensorFlow",
    "export": "publish a trained model in Triton's model repository; roll back; prune",
    "serve": "run Triton on the model repository, from a container or a wheel",
    "tune": "search Triton's fastest configuration on this machine",
    "reconstruct": "rebuild images from a model's answers, under each output policy",
    "audit": "measure how much a private training gives away, against the epsilon it states",
}


def main() -> int:
    """Print the commands, or run the one that the first argument names with the rest of the arguments.

    Returns:
        The exit code: 0, or 2 for an unknown command.
    """
    import importlib.metadata

    word, *rest = sys.argv[1:] or ["--help"]
    try:
        version = importlib.metadata.version(DISTRIBUTION)
        if word in ("-h", "--help"):
            print(_help(version))
        elif word == "--version":
            print(version)
        else:
            return _run(word, rest)
    except importlib.metadata.PackageNotFoundError:
        print(f"error: Expected {DISTRIBUTION} to be installed; received none. Run: make setup", file=sys.stderr)
        return 2
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def infer() -> None:
    """``mnist-etc-infer``, the same as ``python infer.py``."""
    from mnist_etc.command import run
    from mnist_etc.config import InferCommand
    from mnist_etc.inference import infer as job

    run("infer", InferCommand, job)


def reconstruct() -> None:
    """``mnist-etc-reconstruct``, the same as ``python noprotect_reconstruction.py``."""
    from mnist_etc.attack.config import ReconstructCommand
    from mnist_etc.command import run

    def job(command: ReconstructCommand) -> None:
        from mnist_etc.attack.study import reconstruct as study

        print(study(command))

    run("reconstruct", ReconstructCommand, job)


def _help(version: str) -> str:
    lines = [
        f"mnist_etc {version}",
        "",
        "python -m mnist_etc <command> [key=value ...]",
        "",
        *(f"  {name:<13}{what}" for name, what in COMMANDS.items()),
        "",
        "The keys of a command: python -m mnist_etc <command> --cfg job",
    ]
    return "\n".join(lines)


def _run(word: str, arguments: list[str]) -> int:
    if word not in COMMANDS:
        raise ConfigError(f"Expected a command, one of {', '.join(COMMANDS)}; received {word!r}. See --help.")
    import importlib.metadata

    name = f"{DISTRIBUTION}-{word}"
    scripts = importlib.metadata.distribution(DISTRIBUTION).entry_points.select(group="console_scripts", name=name)
    if not scripts:
        raise ConfigError(f"Expected {name} in the installed project; received an older one. Run: make setup")
    sys.argv = [name, *arguments]
    code = next(iter(scripts)).load()()
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
