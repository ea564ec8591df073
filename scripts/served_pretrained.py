"""Put the pretrained network behind the policy ``levels``, as the service answers where nothing is published.

    MNIST_ETC_DATA=<folder> python scripts/served_pretrained.py

It writes ``mnist_etc/pretrained/served.{onnx,json}`` from ``digits.onnx``, the policy fitted on MNIST's 5,000
validation images; the manifest is as `mnist_etc.export` writes one.
"""

from __future__ import annotations

import onnx

from mnist_etc import pretrained
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.evaluation.drift import REFERENCE, Reference
from mnist_etc.export.config import ExportCommand, InputType, Variant
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.export.session import ServingSession
from mnist_etc.files import sha256, write_bytes, write_json
from mnist_etc.policy.graph import answers, append_policy
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.utility import PolicyUtility


def main() -> None:
    """Write both files and print what they state."""
    network, manifest = pretrained.verify()
    command = compose("export", ExportCommand, ["data=mnist", "input_type=uint8"])
    dataset = load(command.data)
    judged = dataset.validation
    graph = build_serving_graph(onnx.load(network), InputType.uint8)
    logits = ServingSession(graph.SerializeToString(), InputType.uint8).outputs(judged.images)
    policy = fit_policy(command.policy, logits, judged.labels, judged.side)
    served = append_policy(graph, policy).SerializeToString(deterministic=True)
    path = pretrained.FOLDER / pretrained.SERVED
    write_bytes(path, served)
    utility = PolicyUtility.of(policy, ServingSession(path, InputType.uint8).outputs(judged.images), judged.labels)
    content = {
        "source": {network.name: sha256(network)},
        "configuration": manifest["configuration"],
        "variant": Variant.float32.value,
        "input_type": InputType.uint8.value,
        "classes": list(dataset.names),
        "policy": policy.about(),
        REFERENCE: Reference.measure(answers(policy, logits), dataset.names, logits=policy.row.tells_logits).plain(),
        "privacy": manifest["privacy"],
        "validation_accuracy": utility.accuracy,
        "model_sha256": sha256(path),
    }
    write_json(pretrained.FOLDER / pretrained.SERVED_MANIFEST, content)
    print(f"{path}: {len(served):,} bytes, {content['policy']}, validation accuracy {utility.accuracy:.4f}")


if __name__ == "__main__":
    main()
