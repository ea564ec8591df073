"""Fit the attacks on the network that comes with the package: ``python scripts/pretrained_attack.py [key=value ...]``.

The keys are those of ``python -m mnist_etc.export``; ``attack.onnx`` is written beside the network.
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
from mnist_etc.export.config import ExportCommand
from mnist_etc.files import sha256, write_bytes
from mnist_etc.predictor import Predictor
from mnist_etc.pretrained import FOLDER, verify


def main() -> None:
    """Fit and write; what the attacker has are the images that the network was trained on."""
    command = compose("export", ExportCommand, sys.argv[1:])
    path, manifest = verify()
    dataset = load(command.data)
    if dataset.sha256 != manifest["dataset_sha256"]:
        raise DataError(
            f"Expected the dataset that {path.name} was trained on, sha256 {manifest['dataset_sha256']}; received "
            f"{dataset.sha256}. Leave data= out."
        )
    work = Prepared(
        model=onnx.load(path),
        model_sha256=sha256(path),
        logits=Predictor(path, 1).logits,
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
