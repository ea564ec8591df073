"""Requests that no client of ours sends: each is refused, and the server goes on as before.

Triton 2.51 answers JSON that it cannot read with 500 and a compression that it does not know with 501, where 400 and
415 would be right; no flag changes that. Both are allowed here in exactly these forms, and no other 5xx is.
"""

from __future__ import annotations

import http.client
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from faults.triton_support import (
    LENGTH,
    PIXELS,
    Client,
    Load,
    binary,
    configured,
    first_logit,
    header,
    keys,
    logits,
    publish,
    resident,
)
from google.protobuf.message import DecodeError
from tritonclient.grpc.service_pb2 import ModelInferRequest

from mnist_etc.export.config import MODEL
from mnist_etc.serving.server import TritonServer

GROWTH = 400 * 2**20
"""Bytes: twice a body of 100 MB, which the server holds whole, and the stack of 100,000 nested lists, and room."""
UNREADABLE = rb"^\{\"error\":\"(failed to parse the request JSON|Unable to (parse|set) )"
Request = tuple[bytes, dict[str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    repository = tmp_path_factory.mktemp("repository")
    publish(repository, 1)
    with TritonServer(configured(keys(repository)), quiet=True) as running:
        Client(running.config.http_port).logits()
        yield running


@pytest.fixture(autouse=True)
def unmoved(server: TritonServer) -> Iterator[Client]:
    """Before and after a test: ready, the same logits; in it: memory bounded."""
    client, before = Client(server.config.http_port), resident(server.process.pid)
    answer = client.logits()
    np.testing.assert_allclose(answer, logits(1), rtol=1e-3, atol=1e-3)
    yield client
    assert server.process.poll() is None
    assert client.ready() == 200
    np.testing.assert_array_equal(client.logits(), answer)
    assert resident(server.process.pid) - before < GROWTH
    client.close()


def refused(status: int, body: bytes) -> bool:
    if status == 500:
        return re.match(UNREADABLE, body) is not None
    return 400 <= status < 500 or (status, body) == (501, b'{"error":"Unsupported compression type"}')


def text(content: Any) -> Request:
    return json.dumps(content).encode(), {}


def told(length: object) -> Request:
    return binary()[0], {LENGTH: str(length)}


BODY, HEADERS = binary()
START = int(HEADERS[LENGTH])
LISTS = b"[" * 100_000
DATA = b'{"inputs":[{"name":"input","shape":[1,28,28,1],"datatype":"FP32","data":'
REQUESTS: dict[str, Callable[[], Request]] = {
    **{f"shape {shape}": lambda shape=shape: binary(shape=shape) for shape in (
        [3, 27, 28, 1], [3, 28, 28], [3, 28, 28, 1, 1], [], [0, 28, 28, 1], [2, 28, 28, 1], [2**60, 28, 28, 1],
        [3, 2**60, 28, 1], [2**60] * 4, [2**62, 28, 28, 1], [3, 2**62 + 28, 28, 1], [2**63, 28, 28, 1],
        [2**64, 28, 28, 1], [-3, 28, 28, 1], [3, -28, -28, 1], [3.5, 28, 28, 1], "3", None,
    )},
    **{f"type {kind}": lambda kind=kind: binary(datatype=kind) for kind in (
        "UINT8", "INT32", "FP64", "BYTES", "fp32", "nonsense", "", 3, None,
    )},
    **{f"size {size}": lambda size=size: binary(parameters={"binary_data_size": size}) for size in (
        0, -1, 4, PIXELS.nbytes - 4, PIXELS.nbytes + 4, 2**62, 2**64 - 1, 2**64, "all", None,
    )},
    **{f"length {length}": lambda length=length: told(length) for length in (
        "", "0", -1, START - 1, START + 1, len(BODY), len(BODY) + 1, 2**31, 2**64, "x", "1e3", "0x10",
    )},
    "batch 0": lambda: binary(PIXELS[:0]),
    "batch 65": lambda: binary(np.zeros((65, 28, 28, 1), "f4")),
    "no length": lambda: (BODY, {}),
    "truncated": lambda: (BODY[:-100], HEADERS),
    "no pixels": lambda: (BODY[:START], HEADERS),
    "nothing": lambda: (b"", {}),
    "name": lambda: binary(name="x"),
    "not gzip": lambda: (BODY, HEADERS | {"Content-Encoding": "gzip"}),
    "compression": lambda: (BODY, HEADERS | {"Content-Encoding": "x"}),
    "shared memory": lambda: binary(parameters={"shared_memory_region": "x", "shared_memory_byte_size": 9408}),
    "null": lambda: text(None),
    "list": lambda: text([]),
    "no inputs": lambda: text({"inputs": []}),
    "number of inputs": lambda: text({"inputs": 1}),
    "same input twice": lambda: text({"inputs": header()["inputs"] * 2}),
    "short data": lambda: text({"inputs": [header(data=[1.0])["inputs"][0] | {"parameters": {}}]}),
    "words as data": lambda: text({"inputs": [header(data=["a"] * 2352)["inputs"][0] | {"parameters": {}}]}),
    "deep": lambda: (LISTS + b"]" * 100_000, {}),
    "deep, never closed": lambda: (LISTS, {}),
    "deep object": lambda: (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}),
    "deep data": lambda: (DATA + LISTS + b"1" + b"]" * 100_000 + b"}]}", {}),
    "100 MB": lambda: (bytes(100_000_000), {}),
    "100 MB after the pixels": lambda: (BODY + bytes(100_000_000), HEADERS),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_refused(unmoved: Client, name: str) -> None:
    status, _, body = unmoved.send(*REQUESTS[name]())
    assert refused(status, body), (status, body[:300])


@pytest.mark.parametrize(
    "path", ["none", f"{MODEL}/versions/9", f"{MODEL}/versions/{2**70}", f"{MODEL}/versions/x", "x" * 1000]
)
def test_no_such_model_or_version(unmoved: Client, path: str) -> None:
    status, _, body = unmoved.send(*binary(), path=f"/v2/models/{path}/infer")
    assert 400 <= status < 500, (status, body[:300])


def mutated(body: bytes, random_: random.Random, region: int) -> bytes:
    """``body`` with one to eight small changes, most of them in its first ``region`` bytes."""
    content = bytearray(body)
    for _ in range(random_.randint(1, 8)):
        place = random_.randrange(max(1, min(region if random_.random() < 0.9 else len(content), len(content))))
        match random_.randrange(6):
            case 0:
                content[place : place + 1] = bytes([random_.randrange(256)])
            case 1:
                del content[place : place + random_.randint(1, 9)]
            case 2:
                content[place:place] = random_.randbytes(random_.randint(1, 9))
            case 3:
                content[place:place] = random_.choice([b"[", b"{", b'"', b"null", b"-1", b"9" * 20, b"1e999", b"\0"])
            case 4:
                content[place : place + 1] = bytes([content[place] ^ 1 << random_.randrange(8)]) if content else b""
            case _:
                content[place:place] = content[place : place + 40]
    return bytes(content)


def test_ten_thousand_mutations(server: TritonServer, unmoved: Client) -> None:
    """One connection, opened again where the server closed it; a mutation may leave the request valid."""
    generator, counts, wrong = random.Random(0), dict.fromkeys(("valid", "refused", "lost"), 0), []
    small, headers = binary(PIXELS[:1])
    for number in range(10_000):
        length = headers[LENGTH] if generator.random() < 0.8 else mutated(headers[LENGTH].encode(), generator, 3).hex()
        body = mutated(small, generator, int(headers[LENGTH]))
        try:
            status, _, answer = unmoved.send(body, {LENGTH: length})
        except (OSError, http.client.HTTPException) as error:
            counts["lost"] += 1
            wrong.append((number, repr(error)))
            continue
        counts["valid" if status == 200 else "refused"] += 1
        if status != 200 and not refused(status, answer):
            wrong.append((number, status, answer[:200]))
    assert wrong == [], counts
    assert counts["refused"] > 5000, counts
    assert counts["valid"] > 50, counts


def code_of(call: Callable[..., bytes], body: bytes) -> grpc.StatusCode:
    try:
        call(body, timeout=10)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_mutations_over_grpc(server: TritonServer) -> None:
    request = ModelInferRequest(model_name=MODEL, raw_input_contents=[PIXELS[:1].tobytes()])
    request.inputs.add(name="input", datatype="FP32", shape=[1, 28, 28, 1])
    whole, generator, codes = request.SerializeToString(), random.Random(0), []
    with grpc.insecure_channel(f"127.0.0.1:{server.config.grpc_port}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        assert call(whole, timeout=10)
        for _ in range(500):
            body = mutated(whole, generator, 60)
            code = code_of(call, body)
            codes.append(code)
            if code is grpc.StatusCode.INTERNAL:
                with pytest.raises(DecodeError):
                    ModelInferRequest.FromString(body)
    assert set(codes) <= {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
    }
    assert codes.count(grpc.StatusCode.OK) < 250, codes


@pytest.mark.parametrize("shape", [[0, 28, 28, 1], [65, 28, 28, 1], [-1, 28, 28, 1], [2**60] * 4, [-(2**63)], []])
def test_shapes_over_grpc(server: TritonServer, shape: list[int]) -> None:
    request = ModelInferRequest(model_name=MODEL, raw_input_contents=[PIXELS[:1].tobytes()])
    request.inputs.add(name="input", datatype="FP32", shape=shape)
    with grpc.insecure_channel(f"127.0.0.1:{server.config.grpc_port}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            call(request.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_batch_of_0_does_not_fail_its_neighbors(server: TritonServer) -> None:
    """Triton puts it into one batch with requests of others, where it counts as 28 images of the 64 there may be."""
    request = ModelInferRequest(model_name=MODEL, raw_input_contents=[PIXELS[:1].tobytes()])
    request.inputs.add(name="input", datatype="FP32", shape=[0, 28, 28, 1])
    body, codes = request.SerializeToString(), []
    with (
        grpc.insecure_channel(f"127.0.0.1:{server.config.grpc_port}") as channel,
        Load(server.config.http_port, threads=6) as load,
    ):
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for _ in range(300):
            with pytest.raises(grpc.RpcError) as caught:
                call(body, timeout=10)
            codes.append(caught.value.code())
    assert set(codes) == {grpc.StatusCode.INVALID_ARGUMENT}
    assert load.failed == []
    assert load.seen() == {first_logit(1)}
