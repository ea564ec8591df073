"""From a release into Triton's model repository: its checksums, its files, its graph, then one version more."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_etc.data.download import fetch_file
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.export.archive import LARGEST, members
from mnist_etc.export.config import MODEL, InputType
from mnist_etc.export.graph_check import check_graph
from mnist_etc.export.model_config import LABELS, ModelConfig, decode
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.sums import SUMS, check_sum

__all__ = ["SUFFIX", "take"]

SUFFIX = "-model_repository.tar.gz"
"""Of an archive's name."""
MODEL_LARGEST, TEXT_LARGEST = 2**26, 2**20
FILES = {"model.onnx": MODEL_LARGEST, "config.pbtxt": TEXT_LARGEST, LABELS: TEXT_LARGEST, "manifest.json": TEXT_LARGEST}
"""Of a version, and the bytes that each may have."""
NAME = re.compile(r"\w[\w.+-]*")
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class _Version:
    """What an archive holds."""

    model: bytes
    config: ModelConfig
    manifest: dict[str, Any]


def take(source: str, repository: ModelRepository) -> int:
    """Publish the version that a release holds, as a new one or, where the newest is the same, as that; print what.

    Args:
        source: the archive, the folder of a release with one, or the archive's address; `SUMS` lies beside it.
        repository: what it goes into.

    Returns:
        The version in service.

    Raises:
        ArtifactError: There is no such release, its checksum is another, it is no archive of a model repository, or
            the repository cannot be written; the version in service stays.
        ExportError: Its graph does not answer as its files say.
    """
    said = re.sub(r"(?<=://)[^/@\s]+@", "***@", source)
    with tempfile.TemporaryDirectory(prefix="mnist_etc-release-") as folder:
        archive = _fetched(source, said, Path(folder)) if "://" in source else _found(Path(source))
        check_sum(archive, archive.with_name(SUMS), said)
        found = _version(members(archive, FILES), said)

        def write(path: Path) -> None:
            path.write_bytes(found.model)
            check_graph(path, found.config, said)

        version = repository.publish(write, found.config, found.manifest)
    policy, privacy = found.manifest["policy"], found.manifest["privacy"]
    print(
        f"version {version} in {repository.model}, from {said}: input {found.config.input_type.value}, "
        f"output {policy['name']}, at most {policy['leakage_bits']:.4g} bits an answer, "
        "k times that from k photos of a page"
    )
    print(f"  privacy of the training images: {privacy['words']}")
    return version


def _found(path: Path) -> Path:
    """The archive in ``path``, or ``path``."""
    if path.is_dir():
        archives = sorted(path.glob(f"*{SUFFIX}"))
        if len(archives) != 1:
            raise ArtifactError(
                f"Expected one *{SUFFIX} in {path}; received {len(archives)}. Name the archive: from={path}/<archive>"
            )
        path = archives[0]
    for file in (path, path.with_name(SUMS)):
        if not file.is_file():
            raise ArtifactError(
                f"Expected a release's archive with its {SUMS} beside it; received no file {file}. "
                "Download both from the release, or make them: make release"
            )
    return path


def _fetched(url: str, said: str, folder: Path) -> Path:
    """The archive at ``url`` and its `SUMS`, in ``folder``."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise ArtifactError(f"Expected the address of a release's archive; received {said!r}. Correct it.") from None
    name = parts.path.rpartition("/")[2]
    if not (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)) or not NAME.fullmatch(name):
        raise ArtifactError(
            f"Expected the address of a release's archive by https; received {said!r}. "
            "Download it and its SHA256SUMS by hand, and pass from=<the file>."
        )
    beside = parts._replace(path=f"{parts.path.removesuffix(name)}{SUMS}", fragment="")
    for address, final, largest in (
        (beside.geturl(), folder / SUMS, TEXT_LARGEST),
        (parts._replace(fragment="").geturl(), folder / name, LARGEST),
    ):
        try:
            fetch_file(address, final, largest=largest)
        except DataError as error:
            reason = " ".join(str(error).split())
            raise ArtifactError(
                f"Expected a release's {final.name} at {address}; received: {reason}. "
                "Correct the address, or download both files by hand and pass from=<the archive>."
            ) from error
    return folder / name


def _version(files: dict[str, bytes], source: str) -> _Version:
    """The one version of an archive, once its files agree with one another."""
    folders = {name.rpartition("/")[0] for name in files} - {MODEL}
    numbered = [match[1] for one in folders if (match := re.fullmatch(rf"{re.escape(MODEL)}/([1-9]\d{{0,8}})", one))]
    number = numbered[0] if len(numbered) == 1 else "1"
    expected = {f"{MODEL}/config.pbtxt", *(f"{MODEL}/{number}/{name}" for name in FILES)}
    if len(folders) != 1 or files.keys() != expected:
        wrong = sorted(ascii(name) for name in files.keys() ^ expected)
        raise ArtifactError(
            f"Expected one version of {MODEL} in {source}; received an archive that differs in {', '.join(wrong[:5])}. "
            "Nothing was published; take one that make release wrote."
        )
    model, text, labels, manifest = (files[f"{MODEL}/{number}/{name}"] for name in FILES)
    config = decode(text.decode("utf-8", "replace"))
    try:
        about = dict(json.loads(manifest))
        stated = about.pop("model_sha256")
        policy, privacy = about["policy"], about["privacy"]
        agree = (
            stated == hashlib.sha256(model).hexdigest()
            and about["classes"] == list(config.names)
            and labels.decode() == config.labels
            and policy["name"] == config.policy
            and InputType(about["input_type"]) is config.input_type
            and isinstance(privacy["words"], str)
            and float(policy["leakage_bits"]) >= 0
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise _disagree(source, f"a manifest.json that cannot be read: {cause}") from error
    if not agree:
        raise _disagree(source, "files that contradict one another")
    return _Version(model=model, config=config, manifest=about)


def _disagree(source: str, received: str) -> ArtifactError:
    return ArtifactError(
        f"Expected a version as python -m mnist_etc.export writes it in {source}; received {received}. "
        "Nothing was published; take one that make release wrote."
    )
