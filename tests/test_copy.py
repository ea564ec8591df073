"""Data and artifacts to and from a bucket, on an S3 server of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from support import Run, refused

BUCKET = "bucket"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Mapping[str, str | None]]:
    """The variables by which a command reaches an S3 server that has one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    yield variables
    server.stop()


def test_a_folder_goes_to_a_bucket_and_comes_back(run: Run, bucket: Mapping[str, str | None], tmp_path: Path) -> None:
    content = {"a.onnx": os.urandom(3_000_000), "run/models/b c.json": b"{}", "run/empty": b""}
    for name, held in content.items():
        (tmp_path / "artifacts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "artifacts" / name).write_bytes(held)
        os.utime(tmp_path / "artifacts" / name, (1e9, 1e9))
    copy = ("-m", "mnist_etc", "copy")
    done = run(*copy, "source=artifacts", f"target=s3://{BUCKET}/there", env=bucket)
    assert (done.returncode, done.stdout) == (0, f"copied 3 of 3 files, 3.0 MB, to s3://{BUCKET}/there\n"), done.stderr
    assert "copied 0 of 3 files" in run(*copy, "source=artifacts", f"target=s3://{BUCKET}/there", env=bucket).stdout
    for changed in (b'{"epoch": 1}', b'{"epoch": 2}'):  # the second of the same size
        (tmp_path / "artifacts" / "run/models/b c.json").write_bytes(changed)
        told = run(*copy, "source=artifacts", f"target=s3://{BUCKET}/there", env=bucket).stdout
        assert "copied 1 of 3 files" in told
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "other").write_bytes(b"mine")
    done = run(*copy, f"source=s3://{BUCKET}/there", "target=back", env=bucket)
    assert "copied 3 of 3 files" in done.stdout
    content |= {"run/models/b c.json": b'{"epoch": 2}', "other": b"mine"}
    back = {str(path.relative_to(tmp_path / "back")): path for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in back.items()} == content


@pytest.mark.parametrize(
    ("source", "target", "code", "told"),
    [
        (f"s3://{BUCKET}/nothing", "back", 1, "Expected files in source=s3://"),
        ("nowhere", f"s3://{BUCKET}/there", 1, "Expected files in source=nowhere"),
        ("here/one", "back", 1, "Expected a folder for source; received the file here/one"),
        ("here", "here/back", 2, "Expected target apart from source=here"),
        ("here", "s3://no-such-bucket/there", 1, "The specified bucket does not exist"),
        ("gs://one/two", "back", 2, "install"),
        ("quux://one/two", "back", 2, "Expected a folder or an address for source; received 'quux://one/two'"),
    ],
)
def test_what_cannot_be_copied_is_refused_in_a_line(
    run: Run, bucket: Mapping[str, str | None], tmp_path: Path, source: str, target: str, code: int, told: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "one").write_bytes(b"1")
    done = run("-m", "mnist_etc", "copy", f"source={source}", f"target={target}", env=bucket)
    refused(done, told, code=code)
    assert not (tmp_path / "back").exists()


def test_a_server_that_is_down_is_refused_in_a_line(run: Run, bucket: Mapping[str, str | None], tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    down = {**bucket, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    refused(run("-m", "mnist_etc", "copy", "source=.", f"target=s3://{BUCKET}/x", env=down), "Check both addresses")
