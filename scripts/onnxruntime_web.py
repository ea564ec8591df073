"""Fetch ONNX Runtime Web, which the service's page runs: ``python scripts/onnxruntime_web.py [version]``.

The npm client fetches the package; of its 150 MB the three files that one thread on a CPU needs are kept, the large one
gzipped, as a browser takes it. The license is that of the onnxruntime package of this environment, the same project's.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "mnist_etc/service/static/vendor/onnxruntime-web"
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
README = """\
# ONNX Runtime Web {version}

Runs the model in a visitor's browser, so that no image leaves it. From the npm package `onnxruntime-web`, as it is but
for the gzip; MIT, see LICENSE. `python scripts/onnxruntime_web.py {version}` writes this folder anew.

| file | sha256, of what is inside the gzip |
| --- | --- |
{rows}
"""


def main(version: str) -> None:
    """Write the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", "--silent", f"onnxruntime-web@{version}"]
        name = subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(scratch, name)) as archive:
            for file in FILES:
                member = archive.extractfile(f"package/dist/{file}")
                assert member
                content = member.read()
                large = file.endswith(".wasm")
                target = FOLDER / (f"{file}.gz" if large else file)
                target.write_bytes(gzip.compress(content, 9, mtime=0) if large else content)
                rows.append(f"| {target.name} | {hashlib.sha256(content).hexdigest()} |")
        received = name.removeprefix("onnxruntime-web-").removesuffix(".tgz")
    (FOLDER / "README.md").write_text(README.format(version=received, rows="\n".join(rows)))
    license_ = importlib.metadata.distribution("onnxruntime").read_text("LICENSE") or _license()
    (FOLDER / "LICENSE").write_text(license_)


def _license() -> str:
    import onnxruntime

    return (Path(onnxruntime.__file__).parent / "LICENSE").read_text()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "latest")
