"""Make the files of a release: ``.venv/bin/python scripts/release.py [--docs FOLDER] [key=value ...]``.

Into ``dist/<version>/`` of the current folder go the wheel, the documentation, the model repository with the trained
model that the keys of ``export`` choose, once it passed the release gates, its manifest, card and figures, and the
checksums of all. The folder appears in one step, in place of an earlier one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from mnist_etc.composition import compose
from mnist_etc.errors import ArtifactError, MnistEtcError
from mnist_etc.export.archive import pack
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.publication import publish
from mnist_etc.export.released import SUFFIX
from mnist_etc.export.report import report
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.sums import write_sums
from mnist_etc.files import scratch

ROOT = Path(__file__).parents[1]
GATES = "gates=default"
"""What a release has to pass; a key after it can say otherwise."""


def main() -> None:
    """Make the release, or say in one line why not."""
    parser = argparse.ArgumentParser(description="Make the files of a release.")
    parser.add_argument("words", nargs="*", metavar="key=value", help="of python -m mnist_etc.export")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs/_build", help="the documentation as HTML")
    arguments = parser.parse_args()
    try:
        print(f"{release(arguments.words, arguments.docs)}:")
    except MnistEtcError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def release(words: list[str], docs: Path) -> Path:
    """Make it and return its folder.

    Raises:
        ArtifactError: The model, the documentation or the wheel is not there, or a file cannot be written.
        GateError: The model failed a release gate; an earlier release of the version stays.
    """
    command = compose("export", ExportCommand, [GATES, *words])
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    if not (docs / "index.html").is_file():
        raise ArtifactError(f"Expected the documentation in {docs}; received no index.html. Build it: make docs")
    dist, name = Path("dist"), f"mnist_etc-{version}"
    dist.mkdir(exist_ok=True)
    with scratch(dist) as made:
        files = made / version
        files.mkdir()
        model(command, made / "model_repository", files, name)
        pack(docs, files / f"{name}-docs.tar.gz")
        wheel(files)
        write_sums(files)
        final = dist / version
        if final.exists():
            final.replace(made / "earlier")
        files.replace(final)
    for path in sorted(final.iterdir()):
        print(f"  {path.stat().st_size:>12,}  {path.name}")
    return final


def model(command: ExportCommand, root: Path, files: Path, name: str) -> None:
    """Publish into an empty model repository, and pack it; its manifest, card and figures lie beside it too."""
    repository = ModelRepository(root)
    publication = publish(command, repository)
    report(command, publication.verdicts, files)
    shutil.copy(repository.model / str(publication.version) / "manifest.json", files)
    pack(root, files / f"{name}{SUFFIX}")


def wheel(folder: Path) -> None:
    """Build it with what is installed: nothing is fetched.

    Raises:
        ArtifactError: It cannot be built.
    """
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", f"--wheel-dir={folder}"]
    build = [sys.executable, "-m", "pip", "wheel", *options, str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArtifactError(f"Expected a wheel of {ROOT}; received: {' '.join(done.stderr.split())}. Run: make setup")


if __name__ == "__main__":
    main()
