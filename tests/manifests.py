"""The files under ``triton/`` for Docker Compose, Kubernetes and KServe, as documents."""

from __future__ import annotations

import re
from typing import Any

import yaml
from support import ROOT

TRITON = ROOT / "triton"
SCHEMAS = ROOT / "tests" / "serving" / "schemas"
VARIABLE = r"\$\{(\w+):-([^}]*)\}"
Document = dict[str, Any]


def documents(name: str) -> list[Document]:
    """With what compose puts in for variables that are not set."""
    return list(yaml.safe_load_all(re.sub(VARIABLE, lambda match: match[2], (TRITON / name).read_text())))


COMPOSE, KSERVE = documents("docker-compose.yaml")[0], documents("kserve.yaml")[0]
DEPLOYMENT, SERVICE, SCALER, BUDGET, NETWORK, RULES = documents("deployment.yaml")
