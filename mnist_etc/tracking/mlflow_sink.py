"""MLflow as a sink of the tracker: its store, its registry of models, and what it must be told before it is used."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_etc.tracking.codes import Codes, Pixels

__all__ = ["MlflowSink", "settle"]

EXPERIMENT = "mnist_etc"
ALIAS = "candidate"
LONGEST = 6000
"""Characters of a parameter that MLflow takes."""
PATIENCE = 4.0
"""Seconds a tracking server has to answer; MLflow's own default is 120 with 7 retries."""


class MlflowSink:
    """Runs of the experiment ``mnist_etc``; MLflow is imported by the first `start`.

    Args:
        uri: of the store: ``sqlite:///file.db``, ``http://user:password@host:port``, ...
    """

    def __init__(self, uri: str) -> None:
        self._given, (self._uri, _) = uri, _split_credentials(uri)
        self._mlflow: Any = None

    def __str__(self) -> str:
        """What a warning calls it."""
        return f"MLflow at {self._uri}"

    def start(self, name: str | None, tags: Mapping[str, str]) -> None:
        """Start a run inside the one that is open, if one is.

        Raises:
            TimeoutError: a server does not answer within `PATIENCE`.
        """
        if self._mlflow is not None:
            self._mlflow.start_run(run_name=name, tags=dict(tags), nested=True)
            return
        if not _answers(self._uri):
            raise TimeoutError(f"no answer (waited {PATIENCE:.0f} s at most)")
        settle(self._given)
        import mlflow

        with _one_at_a_time(self._uri):
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            mlflow.set_tracking_uri(self._uri)
            if mlflow.get_experiment_by_name(EXPERIMENT) is None:
                mlflow.create_experiment(EXPERIMENT, artifact_location=_artifact_location(self._uri))
            mlflow.set_experiment(EXPERIMENT)
            mlflow.start_run(run_name=name, tags=dict(tags))
        self._mlflow = mlflow

    def parent(self) -> dict[str, str]:
        """Tags that put the run of another process inside the one that is open, if one is."""
        run = self._mlflow and self._mlflow.active_run()
        return {"mlflow.parentRunId": run.info.run_id} if run else {}

    def end(self, status: str) -> None:
        """End the innermost open run as ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self._mlflow.end_run(status)

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Log settings by their dotted keys."""
        words = {key: str(value) for key, value in settings.items()}
        cut = {key: word if len(word) <= LONGEST else f"{word[: LONGEST - 3]}..." for key, word in words.items()}
        self._mlflow.log_params(cut)

    def tag(self, name: str, words: str) -> None:
        """Tag the innermost open run."""
        self._mlflow.set_tag(name, words)

    def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
        """Log metrics by name, of an epoch or of the whole run."""
        self._mlflow.log_metrics(dict(values), step=epoch)

    def pictures(self, folder: Path, _epoch: int | None) -> None:
        """Log every file of a folder under the folder's name, which tells the epochs apart."""
        self._mlflow.log_artifacts(str(folder), folder.name)

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None) -> None:
        """Log a picture as PNG."""
        self._mlflow.log_image(make(), f"{name}.png" if epoch is None else f"{name}_{epoch}.png")

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        """Nothing: it has no view of them."""

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Log an ONNX file and register it as ``mnist_etc_<name>``; see `mnist_etc.tracking.tracker.Tracker.model`."""
        import onnx
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        signature = ModelSignature(
            inputs=Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]), "input")]),
            outputs=Schema([TensorSpec(answer.dtype, (-1, *answer.shape[1:]), "output")]),
        )
        registered = f"mnist_etc_{name}"
        with redirect_stderr(io.StringIO()):  # it announces every version
            info = self._mlflow.onnx.log_model(
                onnx.load(path),
                name=name,
                signature=signature,
                input_example={"input": example},
                metadata=dict(tags),
                onnx_execution_providers=["CPUExecutionProvider"],
                pip_requirements=["onnx", "onnxruntime", "numpy"],
                registered_model_name=registered,
            )
        version = info.registered_model_version
        client = self._mlflow.MlflowClient()
        for key, words in tags.items():
            client.set_model_version_tag(registered, str(version), key, words)
        client.set_registered_model_alias(registered, ALIAS, version)


def settle(uri: str) -> str:
    """Prepare the environment that MLflow reads when it is imported or asks, and return ``uri`` without credentials.

    MLflow takes them from there, and shows none.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(PATIENCE)))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    place, credentials = _split_credentials(uri)
    if credentials:
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = credentials
    return place


def _split_credentials(uri: str) -> tuple[str, tuple[str, str] | None]:
    """The address without ``user:password@``, and both."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return uri, None
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return place, (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))


@contextmanager
def _one_at_a_time(uri: str) -> Iterator[None]:
    """Hold a lock beside an SQLite file, whose tables two trainings would otherwise make at once; wait for it."""
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        yield
        return
    store = Path(path)
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.with_name(f".{store.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(uri: str) -> bool:
    """Whether a server answers at all; any answer counts, and other stores need none."""
    if not uri.startswith(("http://", "https://")):
        return True
    answered = threading.Event()

    def probe() -> None:
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PATIENCE).close()  # noqa: S310
        except urllib.error.HTTPError:
            pass
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def _artifact_location(uri: str) -> str | None:
    """Beside an SQLite file; None, the server's own choice, for any other store."""
    path = uri.removeprefix("sqlite:///")
    return (Path(path).resolve().parent / "mlruns").as_uri() if path != uri else None
