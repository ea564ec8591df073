"""API keys and rates: who may ask, and how much."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import HOME, service_config
from support import Run

from mnist_etc.errors import ConfigError
from mnist_etc.service.app import create_app
from mnist_etc.service.keys import Keys, add_key, remove_key

RATED = "service.rate=3/hour"


def test_a_key_is_shown_once_and_kept_as_a_hash(run: Run, tmp_path: Path) -> None:
    done = run("-m", "mnist_etc.service", "add_key=anna", "key_rate=5/minute")
    assert done.returncode == 0, done.stderr
    key = done.stdout.splitlines()[-1]
    path = tmp_path / "service_keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text()
    (kept,) = json.loads(path.read_text())["keys"]
    assert (kept["name"], kept["rate"]) == ("anna", "5/minute")
    again = run("-m", "mnist_etc.service", "add_key=anna")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "anna" in again.stderr
    assert run("-m", "mnist_etc.service", "remove_key=anna").returncode == 0
    assert json.loads(path.read_text()) == {"keys": []}
    gone = run("-m", "mnist_etc.service", "remove_key=anna")
    assert gone.returncode == 2
    assert "no key" in gone.stderr


def test_without_keys_it_listens_on_loopback_alone(run: Run) -> None:
    for words in (["service.keys=null"], []):
        done = run("-m", "mnist_etc.service", "service.address=0.0.0.0", *words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "add_key=<name>" in done.stderr


def test_with_keys_every_request_but_a_probes_needs_one(tmp_path: Path) -> None:
    key, other = (add_key(tmp_path / "keys.json", name, None) for name in ("anna", "ben"))
    with TestClient(create_app(service_config(tmp_path)), base_url=HOME) as client:
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        for path in ("/v1/models", "/metrics", "/docs", "/nothing"):
            for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": key[:-1]}, {"authorization": f"Basic {key}"}):
                response = client.get(path, headers=headers)
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
                assert response.json()["type"] == "/docs#no-key"
        for headers in ({"x-api-key": key}, {"authorization": f"Bearer {other}"}):
            assert client.get("/v1/models", headers=headers).status_code == 200


def test_a_key_is_taken_up_and_given_up_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = add_key(path, "anna", None)
    with TestClient(create_app(service_config(tmp_path, "service.poll_seconds=0.05")), base_url=HOME) as client:
        second = add_key(path, "ben", None)
        remove_key(path, "anna")
        deadline = time.monotonic() + 20
        while client.get("/v1/models", headers={"x-api-key": second}).status_code != 200:
            assert time.monotonic() < deadline
        assert client.get("/v1/models", headers={"x-api-key": first}).status_code == 401
        path.unlink()
        time.sleep(0.2)
        assert client.get("/v1/models").status_code == 401, "a file that is gone opens no door"


def test_a_first_key_closes_a_running_service_and_its_removal_does_not_open_it(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    required = [keys.required]
    add_key(tmp_path / "keys.json", "anna", None)
    keys.look()
    required.append(keys.required)
    remove_key(tmp_path / "keys.json", "anna")
    keys.look()
    assert [*required, keys.required] == [False, True, True]


def test_a_damaged_file_of_keys_is_refused(tmp_path: Path) -> None:
    for content in (
        "{",
        "[]",
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name":"a","sha256":"00","rate":null,"created":""}]}',
    ):
        (tmp_path / "keys.json").write_text(content)
        with pytest.raises(ConfigError, match=r"keys\.json"):
            create_app(service_config(tmp_path))


def test_each_sender_has_a_rate_and_a_key_its_own(tmp_path: Path) -> None:
    slow, fast = (add_key(tmp_path / "keys.json", name, rate) for name, rate in (("a", None), ("b", "5/hour")))
    with TestClient(create_app(service_config(tmp_path, RATED)), base_url=HOME) as client:
        for key, most in ((slow, 3), (fast, 5)):
            answers = [client.get("/v1/models", headers={"x-api-key": key}) for _ in range(most + 1)]
            assert [answer.status_code for answer in answers] == [200] * most + [429]
            assert answers[-1].json()["type"] == "/docs#too-fast"
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 7200
        assert client.get("/readyz").status_code == 200


def test_without_keys_the_address_has_the_rate(tmp_path: Path) -> None:
    with TestClient(create_app(service_config(tmp_path, RATED)), base_url=HOME) as client:
        assert [client.get("/v1/models").status_code for _ in range(5)] == [200] * 3 + [429] * 2


def test_a_storage_of_rates_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"service\.rates"):
        create_app(service_config(tmp_path, "service.rates=nonsense://x", RATED))
