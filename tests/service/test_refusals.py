"""What is refused: the right 4xx, one form of JSON, nothing stored, and the service ready afterwards."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.lib import format as npy_format
from PIL import Image
from samples import idx_bytes
from served import HOME, digit, encoded, service_config

from mnist_etc.service.app import create_app
from mnist_etc.service.problems import PROBLEMS
from mnist_etc.service.reading import read_file

PNG = encoded(digit(1))


def refused(response: Any, name: str, *words: str) -> dict[str, Any]:
    """Assert that an answer is the problem of this name, with these words in its sentence."""
    row = PROBLEMS[name]
    assert response.status_code == row.status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    told: dict[str, Any] = response.json()
    assert told.keys() >= {"type", "title", "status", "detail"}
    assert (told["type"], told["title"], told["status"]) == (f"/docs#{name}", row.title, row.status)
    for word in words:
        assert word in told["detail"], told["detail"]
    return told


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header states a size, and that holds a line of zeros."""
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def png_twice(first: int, then: int) -> bytes:
    """A PNG with two headers, of which the decoder believes the second."""
    once, again = png_of(first, first), png_of(then, then)
    return once[:33] + again[8:]


def one_bit(side: int) -> bytes:
    """A TIFF of kilobytes, of which Pillow's own guard against bombs would hide the size."""
    file = io.BytesIO()
    Image.new("1", (side, side), 1).save(file, "TIFF", compression="group4")
    return file.getvalue()


def bomb(shape: tuple[int, ...]) -> bytes:
    """An npz of zeros that unpacks to gigabytes, as its directory says."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as member:
            npy_format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": shape})  # type: ignore[no-untyped-call]
            for _ in range(int(np.prod(shape)) // 2**20 + 1):
                member.write(bytes(2**20))
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    return file.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"", "unreadable", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not-an-image", "SVG"),
        (b"<!doctype html><p>", "not-an-image", "HTML"),
        (b"%PDF-1.7", "not-an-image", "PDF"),
        (b"\x80\x04\x95", "not-an-image", "pickle"),
        (b"just text", "not-an-image", "text"),
        (bytes(700), "not-an-image", "zeros"),
        (PNG[:-30], "unreadable", "truncated"),
        (PNG[:20], "unreadable", "the body"),
        (png_of(10_000, 10_000), "too-large", "10,000 x 10,000"),
        (png_of(2**31 - 1, 2**31 - 1), "too-large", "pixels"),
        (png_twice(28, 12_000), "too-large", "12,000 x 12,000"),
        (one_bit(14_000), "too-large", "14,000 x 14,000"),
        (encoded(np.zeros((28, 28), np.uint8), "JPEG")[:200], "unreadable", "the body"),
        (encoded(np.zeros((5800, 5800), np.uint8), "TIFF", compression="tiff_deflate"), "too-large", "5,800 x 5,800"),
        (idx_bytes(np.zeros((2, 28, 28), np.uint8))[:-1], "unreadable", "truncated"),
        (idx_bytes(np.zeros((2, 28, 28), np.uint8), count=6_000_000), "too-large", "images"),
        (idx_bytes(np.zeros((9,), np.uint8)), "unreadable", "labels"),
        (gzip.compress(idx_bytes(np.zeros((0, 9000, 9000), np.uint8), count=1)), "too-large", "9,000"),
        (gzip.compress(idx_bytes(np.zeros((2, 28, 28), np.uint8))) + gzip.compress(bytes(2**26)), "unreadable", "more"),
        (gzip.compress(b"hello"), "unreadable", "the body"),
        (b"\x1f\x8b\x08rubbish", "unreadable", "the body"),
        (bomb((2**20, 28, 28)), "too-large", "bytes unpacked"),
        (archive(**{f"a{number}.npy": b"" for number in range(100)}), "too-large", "100"),
        (archive(**{"../../evil.png": PNG}), "not-an-image", "archive"),
        (archive(**{"images.npy": b"no array"}), "unreadable", "the body"),
        (b"PK\x03\x04 and no more", "unreadable", "archive"),
        (pickled(), "unreadable", "pickled"),
    ],
)
def test_a_bad_body(client: TestClient, content: bytes, name: str, word: str) -> None:
    told = refused(client.post("/v1/classify", content=content), name, word)
    assert "/proc/" not in told["detail"]
    assert client.get("/readyz").status_code == 200


def test_of_many_large_pictures_only_what_the_model_sees_is_held(tmp_path: Path) -> None:
    config = service_config(tmp_path)
    for content in (encoded(np.zeros((300, 200), np.uint8)), npy(np.zeros((2, 300, 300), np.uint8))):
        for part in read_file(content, "", 28, config):
            assert part.images.shape[1:] == np.asarray(part.pictures.images).shape[1:] == (28, 28)


def test_a_file_that_is_two_things_is_answered_as_the_picture_it_begins_as(client: TestClient) -> None:
    polyglot = PNG + b"<script>alert(1)</script>" + archive(x=b"y")
    response = client.post("/v1/classify", content=polyglot)
    assert [answer["digit"] for answer in response.json()["answers"]] == [1]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "font/woff"])
def test_a_declared_type_of_another_kind(client: TestClient, kind: str) -> None:
    response = client.post("/v1/classify", content=PNG, headers={"content-type": kind})
    refused(response, "not-an-image", kind)
    assert "image/*" in response.headers["accept"]


@pytest.mark.parametrize(
    ("content", "kind", "name"),
    [
        (b"--b\r\n", "multipart/form-data", "bad-request"),
        (
            b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nhal",
            "multipart/form-data; boundary=b",
            "bad-request",
        ),
        (b"nonsense", "multipart/form-data; boundary=b", "bad-request"),
        (b"", "multipart/form-data; boundary=b", "bad-request"),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "unreadable",
        ),
    ],
)
def test_a_bad_form(client: TestClient, content: bytes, kind: str, name: str) -> None:
    refused(client.post("/v1/classify", content=content, headers={"content-type": kind}), name)


def test_paths_methods_and_values(client: TestClient) -> None:
    refused(client.get("/v1/nothing"), "not-found", "/v1/nothing")
    refused(client.get("/static/..%2f..%2fetc/passwd"), "not-found")
    refused(client.get("//etc/passwd"), "not-found")
    told = client.get("/v1/classify")
    refused(told, "method", "POST", "GET")
    assert told.headers["allow"] == "POST"
    refused(client.request("BREW", "/v1/models"), "method")
    refused(client.post("/v1/classify?explain=perhaps", content=PNG), "unreadable", "explain")


@pytest.mark.parametrize(
    ("words", "content", "word"),
    [
        (["service.max_body_bytes=50"], PNG, "50 bytes"),
        (["service.max_pixels=783"], PNG, "28 x 28"),
        (["service.max_images=2"], idx_bytes(np.zeros((3, 28, 28), np.uint8)), "2 images"),
    ],
)
def test_limits_are_the_configurations(tmp_path: Path, words: list[str], content: bytes, word: str) -> None:
    with TestClient(create_app(service_config(tmp_path, *words)), base_url=HOME) as client:
        refused(client.post("/v1/classify", content=content), "too-large", word)
        chunks = iter([content[:30], content[30:]])
        refused(client.post("/v1/classify", content=chunks), "too-large", word)


def test_files_of_a_form_are_counted_together(tmp_path: Path) -> None:
    with TestClient(create_app(service_config(tmp_path, "service.max_images=2")), base_url=HOME) as client:
        files = [("file", ("a.png", PNG))] * 3
        refused(client.post("/v1/classify", files=files), "too-large", "2 files")
        pair = ("file", ("a.idx", idx_bytes(np.zeros((2, 28, 28), np.uint8))))
        refused(client.post("/v1/classify", files=[pair, pair]), "too-large", "2 images")
        assert client.post("/v1/classify", files=files[:2]).status_code == 200


def test_bodies_that_are_held_are_bounded_together(tmp_path: Path) -> None:
    app = create_app(service_config(tmp_path, "service.max_body_bytes=1000", "service.max_held_bytes=1000"))
    with TestClient(app, base_url=HOME) as client:
        app.state.bodies.held = 950
        response = client.post("/v1/classify", content=PNG)
        refused(response, "unavailable", "memory")
        assert response.headers["retry-after"] == "1"
        app.state.bodies.held = 0
        assert client.post("/v1/classify", content=PNG).status_code == 200
        assert app.state.bodies.held == 0


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"origin": "https://evil.example"}, "foreign-origin"),
        ({"origin": "null"}, "foreign-origin"),
        ({"sec-fetch-site": "cross-site"}, "foreign-origin"),
        ({"host": "evil.example"}, "foreign-host"),
        ({"host": "localhost.evil.example:8000"}, "foreign-host"),
    ],
)
def test_pages_of_other_origins_and_other_names_are_refused(
    client: TestClient, headers: dict[str, str], name: str
) -> None:
    response = client.post("/v1/classify", content=PNG, headers=headers)
    refused(response, name)
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for answered in (response, client.get("/v1/models", headers=asked), client.options("/v1/classify", headers=asked)):
        assert not [header for header in answered.headers if header.startswith("access-control")]
    assert client.options("/v1/classify", headers=asked).status_code == 405


def test_a_page_of_the_same_origin_and_names_that_are_configured_are_answered(tmp_path: Path) -> None:
    with TestClient(create_app(service_config(tmp_path, "service.hosts=[digits.example]")), base_url=HOME) as client:
        for headers in (
            {"origin": HOME, "sec-fetch-site": "same-origin"},
            {"host": "digits.example"},
            {"host": "[::1]:1"},
        ):
            assert client.post("/v1/classify", content=PNG, headers=headers).status_code == 200


def test_every_response_has_the_security_headers(client: TestClient) -> None:
    for path in ("/healthz", "/v1/models", "/nothing", "/docs", "/metrics", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_a_failure_is_a_problem_that_says_nothing_of_the_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the secret of the inside")

    app = create_app(service_config(tmp_path), observers=[fail])
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        told = refused(client.post("/v1/classify", content=PNG), "failed")
        assert "secret" not in str(told)
        assert "the secret of the inside" in capsys.readouterr().err
        app.state.shelf.current = None
        told = refused(client.get("/v1/models"), "failed")
        assert "NoneType" not in str(told)
