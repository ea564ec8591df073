"""The model card: what a trained model is, how good, how private, and how to use it and make it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnist_etc.evaluation.card_text import body
from mnist_etc.evaluation.facts import Facts
from mnist_etc.files import write_bytes

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

__all__ = ["write_card"]

LICENSE = "mit"
"""Of this tool and of what it trains; the data have their own."""
HUB = {"mnist": "ylecun/mnist", "fashion_mnist": "zalando-datasets/fashion_mnist"}
"""Datasets of these names in their published files, as the Hugging Face Hub calls them."""
TAGS = ("image-classification", "keras", "mnist-etc", "onnx")
DECIMALS = 6


def write_card(path: Path, card: Facts) -> None:
    """Write the card as Markdown under a YAML head that the Hugging Face Hub reads, in one step.

    The same facts give the same bytes.

    Raises:
        ArtifactError: it cannot be written; the one of before stays.
    """
    from huggingface_hub import ModelCard, ModelCardData

    data = card.manifest["configuration"]["data"]
    known = HUB.get(data["name"]) if data["kind"] == "idx" else None
    private = ["differential-privacy"] if card.manifest["epsilon"] is not None else []
    head = ModelCardData(
        license=LICENSE,
        library_name="keras",
        pipeline_tag="image-classification",
        tags=sorted({*TAGS, card.model, *private, *(["candidate"] if card.failed else [])}),
        datasets=[known] if known else None,
        metrics=["accuracy"],
        model_name=card.name,
        eval_results=_results(card, known or data["name"], data["name"]),
    )
    text = f"---\n{head.to_yaml(line_break=chr(10))}\n---\n\n{body(card)}\n"
    write_bytes(path, str(ModelCard(text)).encode())


def _results(card: Facts, dataset: str, pretty: str) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    measured = [
        ("accuracy", "Accuracy", card.figures.accuracy.value),
        ("expected_calibration_error", "Expected calibration error", card.figures.reliability.error),
    ]
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=dataset,
            dataset_name=pretty,
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=round(value, DECIMALS),
        )
        for kind, name, value in measured
    ]
