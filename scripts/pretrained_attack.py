"""Fit the attacks on the network that comes with the package, which the service's page shows.

    MNIST_ETC_DATA=<folder> python scripts/pretrained_attack.py [key=value ...]

The keys are those of ``python -m mnist_etc.export``. It writes ``mnist_etc/pretrained/attack.onnx``, of the graph that
``scripts/served_pretrained.py`` wrote. The attacker has the 55,000 images that the network was trained on, and nothing
of the network but its answers about them.
"""

from __future__ import annotations

import sys

import onnx

from mnist_etc.attack.live import FILE
from mnist_etc.attack.prepare import Prepared, prepare
from mnist_etc.attack.sides import leading
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.errors import DataError, MnistEtcError
from mnist_etc.export.attacks import TARGETS
from mnist_etc.export.config import ExportCommand, InputType
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.export.session import ServingSession
from mnist_etc.files import sha256, write_bytes
from mnist_etc.pretrained import FOLDER, SERVED, verify


def main() -> None:
    """Fit and write; what the attacker has are the images that the network was trained on."""
    command = compose("export", ExportCommand, sys.argv[1:])
    network, manifest = verify()
    path = FOLDER / SERVED
    dataset = load(command.data)
    if dataset.sha256 != manifest["dataset_sha256"]:
        raise DataError(
            f"Expected the dataset that {network.name} was trained on, sha256 {manifest['dataset_sha256']}; received "
            f"{dataset.sha256}. Leave data= out."
        )
    graph = build_serving_graph(onnx.load(network), InputType.uint8)
    work = Prepared(
        model=onnx.load(path),
        model_sha256=sha256(path),
        logits=ServingSession(graph.SerializeToString(), InputType.uint8).outputs,
        own=leading(dataset.train, command.attack.images),
        judged=dataset.validation,
        targets=leading(dataset.validation, TARGETS),
    )
    content = prepare(work, command.reconstruct_policies, command.attack, command.seed)
    write_bytes(FOLDER / FILE, content)
    print(f"{FOLDER / FILE}: {len(content):,} bytes")


if __name__ == "__main__":
    try:
        main()
    except MnistEtcError as error:
        sys.exit(f"error: {error}")
