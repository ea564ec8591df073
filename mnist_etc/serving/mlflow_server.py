"""MLflow's scoring server on a registered model, with the Open Inference Protocol beside it; no TensorFlow."""

from __future__ import annotations

import logging
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnist_etc.errors import ServingError
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.launch import bracketed
from mnist_etc.serving.mlflow_config import MlflowCommand
from mnist_etc.tracking.mlflow_sink import settle

__all__ = ["serve_mlflow"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
BITS = "leakage_bits"
"""Key of the metadata of a registered model that stands behind an output policy."""
SLACK = 1e-6
SQLITE = "sqlite:///"


def serve_mlflow(command: MlflowCommand) -> None:
    """Serve the model that ``command`` names, print where it answers, and stop on a signal.

    Raises:
        ServingError: There is no such model, it tells more than what is in service, or the port is taken.
    """
    model = _load(command)
    _hold_back(model, command)
    import uvicorn
    from mlflow.pyfunc import scoring_server

    from mnist_etc.serving.open_inference import Limited, routes

    app = scoring_server.init(model)
    name = command.model_uri.removeprefix("models:/").partition("@")[0].partition("/")[0]
    app.router.routes.extend(routes(model, name))
    if command.address not in LOOPBACK:
        print(f"warning: on {command.address} whoever reaches this machine may use the model", file=sys.stderr)
    try:
        family = socket.AF_INET6 if ":" in command.address else socket.AF_INET
        listening = socket.create_server((command.address, command.port), family=family)
    except OSError as error:
        raise ServingError(
            f"Expected to listen on {command.address}:{command.port}; received: {error.strerror or error}. "
            "Pass port=<a free one>"
        ) from error
    place = f"http://{bracketed(command.address)}:{command.port}"
    print(
        f"ready: {command.model_uri}\n  MLflow   {place}/invocations\n  v2       {place}/v2/models/{name}", flush=True
    )
    print("Ctrl-C stops it", flush=True)
    with listening, suppress(KeyboardInterrupt):  # uvicorn answers what is in flight, and then hands the signal on
        uvicorn.Server(uvicorn.Config(Limited(app), log_level="warning")).run(sockets=[listening])
    print("stopped", flush=True)


def _load(command: MlflowCommand) -> Any:
    """The model, as MLflow reads it."""
    place = command.tracking_uri.removeprefix(SQLITE)
    if command.tracking_uri.startswith(SQLITE) and not Path(place).is_file():  # MLflow would make it
        raise ServingError(
            f"Expected a store with registered models in {place}; received no such file. Train one: python train.py"
        )
    uri = settle(command.tracking_uri)
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        mlflow.set_tracking_uri(uri)
        try:
            return mlflow.pyfunc.load_model(command.model_uri)
        except Exception as error:  # of the registry, of the network, of ONNX Runtime
            cause = " ".join(str(error).split())[:300]
            raise ServingError(
                f"Expected a registered model {command.model_uri} in {uri}; received: {cause.rstrip('.')}. "
                "Train one, or pass model_uri=models:/<name>@<alias>"
            ) from error


def _hold_back(model: Any, command: MlflowCommand) -> None:
    """Refuse a model whose answers tell more than Triton's would."""
    try:
        bits = float((model.metadata.metadata or {})[BITS])
    except (KeyError, TypeError, ValueError):
        raise ServingError(
            f"Expected a model behind an output policy; received {command.model_uri}, whose answers nothing bounds. "
            "Serve a full model, registered by train.py or train_.supervised of this release"
        ) from None
    repository = ModelRepository(Path(command.repository))
    version = repository.in_service()
    if version is None:
        return
    most = float(repository.manifest(version).get("policy", {}).get(BITS, 0))
    if bits > most + SLACK:
        raise ServingError(
            f"Expected a model that tells at most {most:.4g} bits an answer, as Triton's version {version} does; "
            f"received {command.model_uri} with {bits:.4g}. Pass repository=<another>, or serve the one of Triton"
        )
