"""``python -m mnist_etc``: the one table of commands, and the ways to them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mnist_etc.command import Command, run
from mnist_etc.composition import PREFIX
from mnist_etc.errors import ConfigError
from mnist_etc.registry import resolve

__all__ = ["COMMANDS", "door", "main", "script"]

COMMANDS = {
    "train": Command(
        help="fit the autoencoder, then the classifier on its code, and export both",
        schema="mnist_etc.artifacts.config:TrainCommand",
        job="mnist_etc.training.pipeline:train",
        examples=("data=digits", "features=scattering classifier.private=true privacy.target_epsilon=3"),
    ),
    "autoencoder": Command(
        help="fit and export the autoencoder alone",
        schema="mnist_etc.artifacts.config:AutoencoderCommand",
        job="mnist_etc.training.pipeline:train_autoencoder",
        examples=("hid_dim=32 epochs=3", "data=digits private=true"),
    ),
    "classifier": Command(
        help="fit and export the classifier on a finished autoencoder",
        schema="mnist_etc.artifacts.config:ClassifierCommand",
        job="mnist_etc.training.pipeline:train_classifier",
        examples=("epochs=6 hidden_units=[256]", "features=scattering private=true"),
    ),
    "supervised": Command(
        help="fit a model of the zoo, image to logits, and export it",
        schema="mnist_etc.artifacts.config:SupervisedCommand",
        job="mnist_etc.training.supervised:train_supervised",
        examples=("model=cnn data=digits", "model=cnn model.epochs=6 data=fashion_mnist"),
    ),
    "few_labels": Command(
        help="ask for few labels, learn, ask again, and export the model",
        schema="mnist_etc.artifacts.config:FewLabelsCommand",
        job="mnist_etc.training.few_labels.job:train_few_labels",
        examples=("data=digits labels.budget=50", "data=fashion_mnist labels.budget=1000 labels.strategy=badge"),
    ),
    "sweep": Command(
        help="search for the hyperparameters of a training",
        schema="mnist_etc.sweep.config:SweepCommand",
        job="mnist_etc.sweep.job:sweep",
        examples=("model=cnn data=digits sweep.trials=32", "sweep.command=train data=digits sweep.processes=2"),
    ),
    "infer": Command(
        help="classify the test split or your own images into a CSV, without TensorFlow",
        schema="mnist_etc.inference.config:InferCommand",
        job="mnist_etc.inference.classify:infer",
        examples=("photos/", "data=digits artifacts=out", "server=localhost:8500"),
    ),
    "export": Command(
        help="publish a trained model in Triton's model repository; roll back; prune",
        schema="mnist_etc.export.config:ExportCommand",
        job="mnist_etc.export.job:export",
        examples=("policy=rounded policy.decimals=2", "rollback=true"),
    ),
    "serve": Command(
        help="run Triton on the model repository, from a container or a wheel",
        schema="mnist_etc.serving.config:ServeCommand",
        job="mnist_etc.serving.serve:serve",
        examples=("serving.http_port=8600",),
    ),
    "service": Command(
        help="answer over HTTP with the published model: an API and a page",
        schema="mnist_etc.service.config:ServiceCommand",
        job="mnist_etc.service.job:serve",
        examples=("service.port=8080", "service.server=localhost:8500", "add_key=anna key_rate=600/minute"),
    ),
    "mlflow": Command(
        help="serve a registered model by MLflow's own server, without TensorFlow",
        schema="mnist_etc.serving.mlflow_config:MlflowCommand",
        job="mnist_etc.serving.mlflow_server:serve_mlflow",
        examples=("port=5001", "model_uri=models:/mnist_etc_full_model/3"),
    ),
    "tune": Command(
        help="search Triton's fastest configuration on this machine",
        schema="mnist_etc.serving.config:TuneCommand",
        job="mnist_etc.serving.tuning.tune:tune",
        examples=("data=digits concurrency=[1,20] rounds=3",),
    ),
    "reconstruct": Command(
        help="rebuild images from a model's answers, under each output policy",
        schema="mnist_etc.attack.config:ReconstructCommand",
        job="mnist_etc.attack.study:report",
        examples=("policies=[logits,levels:3] attacks=[hill_climbing,inverse_network]",),
    ),
    "drift": Command(
        help="hold the answers of late against those about the validation images: tables and a plot",
        schema="mnist_etc.service.drift_config:DriftCommand",
        job="mnist_etc.service.drift_report:drift",
        examples=("hours=168", "counts=other/service_counts.json plot=null"),
    ),
    "audit": Command(
        help="measure how much a private training gives away, against the epsilon it states",
        schema="mnist_etc.audit.config:AuditCommand",
        job="mnist_etc.audit.job:audit",
        examples=("data=mnist privacy.target_epsilon=3",),
    ),
    "labels": Command(
        help="reveal labels one at a question: make, serve, show or fill a database of them",
        schema="mnist_etc.labels.actions.config:LabelsCommand",
        job="mnist_etc.labels.actions.job:labels",
        examples=(
            "init data=digits labels.budget=100",
            "serve labels.url=sqlite:///digits_labels.db",
            "import answers.json who=ada",
        ),
    ),
    "copy": Command(
        help="copy a folder of data or artifacts to or from a bucket, what differs alone",
        schema="mnist_etc.copying.config:CopyCommand",
        job="mnist_etc.copying.job:copy",
        examples=("source=s3://bucket/mnist target=data/mnist", "source=artifacts target=s3://bucket/artifacts"),
    ),
}


def main() -> None:
    """Print the commands, or run the one that the first argument names with the rest of the arguments."""
    word, *rest = sys.argv[1:] or ["--help"]
    try:
        if word in ("-h", "--help", "--version"):
            version = _version()
            print(version if word == "--version" else _help(version))
            return
        if word == "--shell-completion":
            from mnist_etc.completion import script as completion

            print(completion(" ".join(rest), {name: resolve(row.schema) for name, row in COMMANDS.items()}))
            return
        if word not in COMMANDS:
            raise ConfigError(f"Expected a command, one of {', '.join(COMMANDS)}; received {word!r}. See --help.")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.argv = [PREFIX + word, *rest]
    run(word, COMMANDS[word])


def script() -> NoReturn:
    """What every console script ``mnist-etc-<command>`` calls."""
    name = Path(sys.argv[0]).stem.removeprefix(PREFIX)
    run(name, COMMANDS[name])


def door(name: str) -> Callable[[], NoReturn]:
    """What a file that is run as the command ``name`` calls."""
    return lambda: run(name, COMMANDS[name])


def _version() -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version("mnist-etc")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError("mnist-etc is not installed. Run: make setup") from None


def _help(version: str) -> str:
    lines = [
        f"mnist_etc {version}",
        "",
        "python -m mnist_etc <command> [key=value ...]",
        "",
        *(f"  {name:<13}{command.help}" for name, command in COMMANDS.items()),
        "",
        "The keys of a command: python -m mnist_etc <command> --cfg job",
        'Completion: eval "$(python -m mnist_etc --shell-completion bash)", or zsh or fish',
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
