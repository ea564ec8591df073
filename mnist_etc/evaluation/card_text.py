"""The words of a model card."""

from __future__ import annotations

import json
from typing import Any

from mnist_etc.artifacts.data_key import HMAC, SHA256
from mnist_etc.artifacts.manifest import flat
from mnist_etc.evaluation.confusion import Interval
from mnist_etc.evaluation.facts import Facts, Verdict
from mnist_etc.evaluation.markdown import escape, fence, table

__all__ = ["body"]


def body(card: Facts) -> str:
    """All sections, as Markdown."""
    sections = {
        "What it is": _what(card),
        "How to use it": _use(card),
        "Training": _training(card),
        "Figures": _figures(card),
        "Classes": _classes(card),
        "Release gates": _gates(card),
        "Privacy": _privacy(card),
        "Limits": _limits(card),
        "Sizes": _sizes(card),
        "How to make it again": _again(card),
    }
    texts = [f"# {escape(card.name)}", _standing(card)]
    texts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(text for text in texts if text)


def _standing(card: Facts) -> str:
    if not card.verdicts:
        return "No release gate was judged."
    if not card.failed:
        return f"It passed all {len(card.verdicts)} release gates."
    reasons = [
        f"- {escape(one.gate)}: {_number(one.figure)}, {_bound(one)}; {escape(one.words)}" for one in card.failed
    ]
    return "\n".join(["**A candidate, not a release.** It failed these release gates:", "", *reasons])


def _what(card: Facts) -> str:
    side, _, channels = card.info["input"]
    return (
        f"An image classifier: a gray image of {side} x {side} pixels, light on dark, to one of "
        f"{len(card.figures.names):,} classes. The network is `{card.model}`, of {card.info['weights']:,} weights. "
        f"`input` is float32 `(batch, {side}, {side}, {channels})` in [0, 1], `output` float32 "
        f"`(batch, {len(card.figures.names)})`: logits, whose softmax are probabilities."
    )


def _use(card: Facts) -> str:
    uses, onnx = card.uses(), next(name for name in card.info["bytes"] if name.endswith(".onnx"))
    shape = ", ".join(map(str, card.info["input"]))
    code = "\n".join(
        [
            "import json",
            "",
            "import numpy as np",
            "import onnxruntime",
            "",
            f'session = onnxruntime.InferenceSession("{onnx}")',
            "names = json.loads(session.get_modelmeta().custom_metadata_map['classes'])",
            f"images = np.zeros((1, {shape}), np.float32)  # light on dark, in [0, 1]",
            '(logits,) = session.run(["output"], {"input": images})',
            "print([names[number] for number in logits.argmax(axis=1)])",
        ]
    )
    return "\n\n".join(
        [
            "Classify the test images, or a picture, folder or table of your own by `input=<path>`:",
            fence(uses["infer"], "sh"),
            "Publish it for Triton, behind an output policy:",
            fence(uses["export"], "sh"),
            "Without this tool, by ONNX Runtime:",
            fence(code, "python"),
        ]
    )


def _training(card: Facts) -> str:
    manifest = card.manifest
    data = manifest["configuration"]["data"]
    counts = ", ".join(f"{count:,} {split}" for split, count in card.images.items())
    if SHA256 in manifest:
        name = f"sha256 `{manifest[SHA256]}`"
    else:
        name = f"named by an HMAC under a secret key, `{manifest[HMAC]}`"
    settings = flat(manifest["configuration"])
    rows = [(f"`{key}`", escape(_shown(value))) for key, value in sorted(settings.items())]
    return "\n\n".join(
        [
            f"Data: {escape(data['name'])} ({escape(data['kind'])}), {name}"
            + (f"; images: {counts}." if counts else "."),
            "The settings that decide the weights:",
            table(["key", "value"], rows),
        ]
    )


def _figures(card: Facts) -> str:
    figures = card.figures
    worst = [row for row in figures.classes if row["recall"] is not None]
    lowest = min(worst, key=lambda row: (row["recall"], row["class"]))
    rows = [
        ("images", f"{len(figures.labels):,}", ""),
        ("accuracy", f"{figures.accuracy.value:.2%}", _between(figures.accuracy)),
        (
            f"lowest accuracy of a class, {escape(lowest['name'])}",
            f"{lowest['recall']:.2%}",
            _between(Interval(lowest["recall"], lowest["low"], lowest["high"])),
        ),
        ("expected calibration error", f"{figures.reliability.error:.4f}", ""),
        ("log loss, nats", f"{figures.log_loss:.4f}", ""),
        *((f"latency of one image, {name}", f"{value:.3g} ms", "") for name, value in figures.percentiles.items()),
    ]
    pictures = [f"![{path.rpartition('/')[2].removesuffix('.png')}]({path})" for path in card.pictures]
    told = "On the test images. Intervals are Wilson's, of 95 %."
    return "\n\n".join([told, table(["figure", "value", "interval"], rows, 2), *pictures])


def _classes(card: Facts) -> str:
    rows = [
        (
            f"{row['class']}",
            escape(row["name"]),
            f"{row['images']:,}",
            "" if row["recall"] is None else f"{row['recall']:.2%}",
            "" if row["recall"] is None else _between(Interval(row["recall"], row["low"], row["high"])),
            "" if row["precision"] is None else f"{row['precision']:.2%}",
        )
        for row in card.figures.classes
    ]
    return table(["class", "name", "images", "recall", "interval", "precision"], rows, 4)


def _gates(card: Facts) -> str:
    if not card.verdicts:
        return "None was judged."
    rows = []
    for one in card.verdicts:
        result = "pass" if one.passed else "**fail**"
        rows.append((escape(one.gate), _number(one.figure), _bound(one), result, escape(one.words)))
    header = ["gate", "figure", "bound", "result", "in words"]
    return table(header, rows)


def _privacy(card: Facts) -> str:
    privacy = card.manifest["privacy"]
    texts = [f"Of the training images: {escape(privacy['words'])}."]
    if lifetime := privacy.get("lifetime"):
        texts.append(f"All private trainings on these images so far: {escape(lifetime['words'])}.")
    if card.manifest["epsilon"] is not None:
        texts.append(
            "The number of training images, the split and the names of the classes count as public; the guarantee "
            "covers the weights and everything that is computed from them."
        )
    else:
        texts.append("Without one the weights may give single training images away: keep them as the data are kept.")
    texts.append(
        "Of the image that is asked about: the files here answer with logits, from which an attacker can rebuild much "
        "of it. What `export` publishes answers by an output policy, which bounds what an answer gives away."
    )
    return "\n\n".join(texts)


def _limits(card: Facts) -> str:
    side, fewest = card.info["input"][0], min(row["images"] for row in card.figures.classes)
    limits = (
        "It answers every image with one of its classes, also one that is of none of them.",
        f"It was trained and measured on {side} x {side} images prepared as its data are, as `infer.py` prepares any.",
        "The figures are of test images of the same origin as the training images; elsewhere it is worse.",
        f"A class with few test images has a wide interval; the fewest are {fewest:,}.",
        "No decision about a person should rest on it alone.",
    )
    return "\n".join(f"- {limit}" for limit in limits)


def _sizes(card: Facts) -> str:
    info = card.info
    rows = [(f"`{name}`", f"{size:,} bytes") for name, size in sorted(info["bytes"].items())]
    rows.append(("weights", f"{info['weights']:,}"))
    if info["multiply_adds"] is not None:
        rows.append(("multiplications with addition, of one image", f"{info['multiply_adds']:,}"))
    return table(["what", "size"], rows, 1)


def _again(card: Facts) -> str:
    rows = [(escape(name), escape(version)) for name, version in sorted(card.manifest["versions"].items())]
    metadata = card.info["metadata"]
    stated = [(escape(key), f"`{metadata[key]}`") for key in sorted(metadata)]
    return "\n\n".join(
        [
            fence(card.command, "sh"),
            "gives the same weights with the same software and as many threads on the same machine"
            + (", but for the secret seeds of its noise." if card.manifest["privacy"].get("stages") else "."),
            table(["software", "version"], rows),
            "The ONNX file states:",
            table(["key", "value"], stated),
        ]
    )


def _between(share: Interval) -> str:
    return f"{share.low:.2%} to {share.high:.2%}"


def _bound(verdict: Verdict) -> str:
    return f"{'at most' if verdict.at_most else 'at least'} {_number(verdict.bound)}"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6g}"


def _shown(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
