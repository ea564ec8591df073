"""Make a trained full model the one that comes with the package: ``python -m mnist_etc.pretrained <manifest>``."""

from __future__ import annotations

import sys
from pathlib import Path

from mnist_etc.artifacts import manifest
from mnist_etc.errors import MnistEtcError
from mnist_etc.files import read_limited, sha256, write_bytes, write_json
from mnist_etc.pretrained import FOLDER, LIMIT, MANIFEST, NETWORK

__all__ = ["main"]


def main() -> None:
    """Copy the ONNX file beside the named manifest, and the manifest with it."""
    try:
        (trained,) = map(Path, sys.argv[1:])
    except ValueError:
        sys.exit("error: Expected one manifest: python -m mnist_etc.pretrained <folder>/full_model_....json")
    try:
        content = manifest.read(trained, lambda: "python train.py")
        network = trained.with_suffix(".onnx")
        write_bytes(FOLDER / NETWORK, read_limited(network, LIMIT))
        write_json(FOLDER / MANIFEST, content | {"files": {NETWORK: sha256(FOLDER / NETWORK)}})
    except MnistEtcError as error:
        sys.exit(f"error: {error}")
    print(f"{FOLDER / NETWORK}: {content['metrics']}")


if __name__ == "__main__":
    main()
