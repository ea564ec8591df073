"""The OpenAPI says what is so: schemathesis asks by it, and nothing answers 5xx or what it does not state."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import service_config

from mnist_etc.service.app import create_app

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "60"))
"""For each operation; the 20,000 of docs/service.md: SCHEMATHESIS_CASES=4000."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return create_app(service_config(tmp_path_factory.mktemp("service"), "service.hosts=[testserver]"))


@pytest.fixture(scope="module")
def schema(app: Any) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


lazy = schemathesis.pytest.from_fixture("schema")


@lazy.parametrize()
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_it_states_is_so(case: Any) -> None:
    case.call_and_validate(checks=CHECKS)


def test_the_page_of_the_api_has_code_for_its_backticks(client: TestClient) -> None:
    text = client.get("/docs").text
    assert "<code>leakage_bits</code>" in text
    assert "`" not in text
