"""The container and the Kubernetes files are right by the published schemas, which refuse what is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from manifests import BUDGET, COMPOSE, DEPLOYMENT, KSERVE, NETWORK, RULES, SCALER, SCHEMAS, SERVICE, Document
from referencing import Registry, Resource
from referencing.exceptions import PointerToNowhere

REMOVED = object()
SCHEMA = {
    "Deployment": "kubernetes-1.37.0.json#/$defs/Deployment",
    "Service": "kubernetes-1.37.0.json#/$defs/Service",
    "HorizontalPodAutoscaler": "kubernetes-1.37.0.json#/$defs/HorizontalPodAutoscaler",
    "ConfigMap": "kubernetes-1.37.0.json#/$defs/ConfigMap",
    "NetworkPolicy": "kubernetes-1.37.0.json#/$defs/NetworkPolicy",
    "PodDisruptionBudget": "kubernetes-1.37.0.json#/$defs/PodDisruptionBudget",
    "InferenceService": "kserve-0.21.0.json#/$defs/V1beta1InferenceService",
    None: "compose-spec.json",
}


def validate(document: Document) -> None:
    contents = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in contents.items()
    )
    Draft202012Validator({"$ref": SCHEMA[document.get("kind")]}, registry=registry).validate(document)


@pytest.mark.parametrize("document", [COMPOSE, KSERVE, DEPLOYMENT, SERVICE, SCALER, BUDGET, NETWORK, RULES])
def test_each_document_meets_its_published_schema(document: Document) -> None:
    validate(document)


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        (COMPOSE, "services triton read_onyl", True),
        (COMPOSE, "services triton cap_drop", "ALL"),
        (COMPOSE, "services triton volumes 0 type", 1),
        (COMPOSE, "services triton healthcheck interval", 5),
        (KSERVE, "speck", {}),
        (KSERVE, "spec predictor", REMOVED),
        (KSERVE, "spec predictor minReplica", 1),
        (KSERVE, "spec predictor maxReplicas", "4"),
        (KSERVE, "spec predictor model modelFormat", REMOVED),
        (KSERVE, "spec predictor model storageURI", "pvc://claim"),
        (KSERVE, "spec predictor model readinessProbe httpGet port", REMOVED),
        (DEPLOYMENT, "apiVersion", "apps/v1beta1"),
        (DEPLOYMENT, "spec selector", REMOVED),
        (DEPLOYMENT, "spec template spec containers 0 livenesProbe", {}),
        (DEPLOYMENT, "spec template spec containers 0 ports 0 containerPort", "8500"),
        (DEPLOYMENT, "spec template metadata annotations prometheus.io/port", 8502),
        (SERVICE, "spec ports 0 port", REMOVED),
        (SERVICE, "spec selectors", {}),
        (SCALER, "spec maxReplicas", REMOVED),
        (SCALER, "spec metrics 0 pods name", "queue"),
        (SCALER, "spec metrics 0 pods target type", REMOVED),
        (BUDGET, "spec maxUnavailabel", 1),
        (BUDGET, "spec selector matchLabels", []),
        (NETWORK, "spec ingress 0 ports 0 port", 1.5),
        (NETWORK, "spec policyType", ["Ingress"]),
        (DEPLOYMENT, "spec template spec topologySpreadConstraints 0 maxSkew", REMOVED),
        (RULES, "data config.yaml", {"rules": []}),
    ],
)
def test_a_wrong_key_or_type_is_refused(document: Document, path: str, value: object) -> None:
    wrong = copy.deepcopy(document)
    *parents, last = path.split()
    place: Any = wrong
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(ValidationError):
        validate(wrong)


def test_a_key_whose_definition_was_not_kept_does_not_pass_unchecked() -> None:
    other = copy.deepcopy(DEPLOYMENT)
    other["spec"]["template"]["spec"]["volumes"].append({"name": "models", "nfs": {"no": "such key"}})
    with pytest.raises(Exception, match="PointerToNowhere") as raised:
        validate(other)
    assert isinstance(raised.value.__cause__, PointerToNowhere)
