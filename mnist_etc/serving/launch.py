"""The command line and the environment of a Triton server: from a wheel, or in NVIDIA's container."""

from __future__ import annotations

import ctypes.util
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from mnist_etc.errors import ArtifactError, ServingError
from mnist_etc.serving.config import Server, ServingConfig
from mnist_etc.serving.wheels import TRITONSERVER, unpacked

__all__ = ["Launch", "bracketed", "docker", "launch", "local", "numeric"]

BACKENDS = Path(__file__).parent / "backends"
COMPOSE = Path("triton/docker-compose.yaml")
CONFINED = [sys.executable, "-I", "-S", str(Path(__file__).with_name("confined.py"))]
"""Runs what follows so that other accounts cannot open its shared memory."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A server to start."""

    title: str
    command: list[str]
    environment: dict[str, str]
    prepare: tuple[str, ...] = ()
    """The command to run first, as long as it takes."""


def launch(config: ServingConfig, scratch: Path) -> Launch:
    """Choose how ``config`` wants its server run; auto is Docker where its engine answers.

    Args:
        config: The server.
        scratch: An empty folder that lasts as long as the server.

    Raises:
        ServingError: It cannot be run that way here.
    """
    match config.server:
        case Server.docker:
            return docker(config)
        case Server.local:
            return local(config, scratch)
        case Server.auto:
            return docker(config) if _docker_answers() else local(config, scratch)
        case _:
            assert_never(config.server)


def _docker_answers() -> bool:
    if not shutil.which("docker") or not COMPOSE.is_file():
        return False
    try:
        return not subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return False


def docker(config: ServingConfig) -> Launch:
    """Launch NVIDIA's container, by ``triton/docker-compose.yaml``.

    Raises:
        ServingError: That file is not here.
    """
    if not COMPOSE.is_file():
        raise ServingError(
            f"Expected {COMPOSE}; received no such file. Start from the repository's root, or pass serving.server=local"
        )
    asked = {
        "MODEL_REPOSITORY": str(Path(config.repository).resolve()),
        "ADDRESS": config.address,
        "HTTP_PORT": str(config.http_port),
        "GRPC_PORT": str(config.grpc_port),
        "METRICS_PORT": str(config.metrics_port),
        "TRITON_FLAGS": " ".join([*_control(config), f"--exit-timeout-secs={config.exit_seconds}"]),
        "STOP_SECONDS": str(config.exit_seconds + 10),
    }
    return Launch(
        title="Triton in NVIDIA's container, by docker compose",
        command=["docker", "compose", "--file", str(COMPOSE), "up", "--no-log-prefix"],
        prepare=("docker", "compose", "--file", str(COMPOSE), "build"),
        environment=os.environ | asked,
    )


def local(config: ServingConfig, scratch: Path) -> Launch:
    """Launch the server of the wheel, its backends put together in ``scratch``.

    Raises:
        ServingError: The wheel cannot be fetched, or this Python is none that it serves.
    """
    try:
        root = unpacked(TRITONSERVER, Path(config.cache).expanduser()) / "pytriton" / "tritonserver"
    except ArtifactError as error:
        raise ServingError(
            f"Expected a cache folder that can be written; received {config.cache}: {error.__cause__}. "
            "Pass serving.cache=<another folder>."
        ) from error
    libraries = [str(path) for path in (_libpython(),) if path]
    backends = _backends(config, root, scratch / "backends")
    address = numeric(config.address)
    flags = {
        "model-repository": Path(config.repository).resolve(),
        "backend-directory": backends,
        "backend-config": f"python,shm-region-prefix-name={scratch.name}",
        "http-address": f"ipv6:{address}" if ":" in address else address,  # as libevhtp takes it
        "grpc-address": bracketed(address),
        "metrics-address": f"ipv6:{address}" if ":" in address else address,
        "http-port": config.http_port,
        "grpc-port": config.grpc_port,
        "metrics-port": config.metrics_port,
        "exit-timeout-secs": config.exit_seconds,
        "allow-gpu-metrics": "false",
        "pinned-memory-pool-byte-size": 0,
        "log-info": "false",
    }
    words = [f"--{key}={value}" for key, value in flags.items()]
    environment = os.environ | {
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, str(root.parents[1] / "nvidia_pytriton.libs")]),
        "PATH": f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "MNIST_ETC_SYS_PATH": json.dumps([path for path in sys.path if path.endswith("-packages")]),
    }
    server = [str(root / "bin/tritonserver"), "--disable-auto-complete-config", *_control(config), *words]
    return Launch(
        title=f"{TRITONSERVER.title} from its wheel, the model on ONNX Runtime "
        + (f"behind {config.backend_directory}" if config.backend_directory else "behind Triton's Python backend"),
        command=[*CONFINED, *server],
        environment=environment,
    )


def bracketed(address: str) -> str:
    """Write ``address`` as it stands before a port: ``[::1]``."""
    return f"[{address}]" if ":" in address else address


def numeric(address: str) -> str:
    """Resolve ``address`` to digits, since the server takes no names.

    Raises:
        ServingError: Nobody knows this address.
    """
    try:
        return str(socket.getaddrinfo(address, None, proto=socket.IPPROTO_TCP)[0][4][0])
    except OSError as error:
        raise ServingError(
            f"Expected serving.address to be an address of this machine; received {address!r}: {error.strerror}. "
            "Pass 127.0.0.1 or another."
        ) from error


def _control(config: ServingConfig) -> list[str]:
    """Whether the repository is looked at again; that a client loads models is never allowed."""
    if not config.poll_seconds:
        return ["--model-control-mode=none"]
    poll = ["--model-control-mode=poll", f"--repository-poll-secs={config.poll_seconds}"]
    return [*poll, "--strict-readiness=false"]  # else a version that made way for another counts as not ready for ever


def _backends(config: ServingConfig, root: Path, folder: Path) -> Path:
    """``folder`` with a backend named onnxruntime and, for the Python one, what it runs in."""
    onnxruntime = BACKENDS / "onnxruntime"
    if config.backend_directory:
        onnxruntime = Path(config.backend_directory).resolve() / "onnxruntime"
        if not (onnxruntime / "libtriton_onnxruntime.so").is_file():
            raise ServingError(
                f"Expected {onnxruntime / 'libtriton_onnxruntime.so'}; received no such file. "
                "Pass serving.backend_directory=<the folder that holds onnxruntime/>, or null."
            )
    python = folder / "python"
    python.mkdir(parents=True)
    stub = root / "python_backend_stubs" / "{}.{}".format(*sys.version_info) / "triton_python_backend_stub"
    if not stub.is_file():
        raise ServingError(f"Expected Python 3.11 to 3.13; received {sys.version.split()[0]}. Serve from another one.")
    for source in (*(root / "backends" / "python").iterdir(), stub):
        shutil.copy(source, python)  # Triton refuses links out of the folder
    shutil.copytree(onnxruntime, folder / "onnxruntime")
    return folder


def _libpython() -> Path | None:
    """The folder of this Python's shared library, which the stub is linked to; None: the loader knows it."""
    folder, name = Path(sysconfig.get_config_var("LIBDIR")), str(sysconfig.get_config_var("INSTSONAME"))
    if (folder / name).is_file() and ".so" in name:
        return folder
    if ctypes.util.find_library("python{}.{}".format(*sys.version_info)):
        return None
    raise ServingError(
        "Expected a shared libpython{0}.{1}; received a Python built without one. Install it (Debian: apt install "
        "libpython{0}.{1}), or use Docker: serving.server=docker".format(*sys.version_info)
    )
