"""Fit, once, the strongest attack on a single answer of each output policy, and put them into one ONNX file.

`mnist_etc.attack.live` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from mnist_etc.attack.adversary import Adversary
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.live import LABEL, SCHEMA, output_names
from mnist_etc.attack.registry import ATTACKS, YARDSTICK
from mnist_etc.attack.sides import refuse_common
from mnist_etc.attack.yardstick import shortfall
from mnist_etc.backend import load_tensorflow
from mnist_etc.data import Split
from mnist_etc.errors import ConfigError
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy, parse_policy

if TYPE_CHECKING:
    from mnist_etc.attack.live_graph import Attacked

__all__ = ["Prepared", "prepare"]

Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
NETWORK = "inverse_network"
CHUNK = 500
LESS = 0.995
"""Of a smaller attack's error: by less a larger one is no better than chance has it."""
DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A published model and who attacks it."""

    model: onnx.ModelProto
    """As it is served: from ``input`` to ``output``."""
    model_sha256: str
    """Of its file."""
    logits: Logits
    """What it makes of images, uint8 ``(n, side, side)``, before its policy: ``(n, classes)``."""
    own: Split
    """The attacker's images."""
    judged: Split
    """Others, labeled: ``levels`` is fitted on them."""
    targets: Split
    """Those of them that the attacks are chosen by; none is among ``own``."""


def prepare(work: Prepared, policies: Sequence[str], config: AttackConfig, seed: int) -> bytes:
    """The file, which states what it attacks, how well, and what the attacker had; a line a policy is printed.

    Each attack of `mnist_etc.attack.live_parts.PARTS` is fitted as the study fits it, and the one that errs least on
    the targets is taken; of about equals the smaller, and the mean image of the class where none errs less.

    Args:
        work: the model and the images.
        policies: as `parse_policy` reads them; the label joins them. One that reads the image is left out.
        config: the attackers' budget.
        seed: of what is drawn.

    Raises:
        DataError: a target is among the attacker's images.
    """
    refuse_common(work.own.images, work.targets.images)
    load_tensorflow()
    from mnist_etc.attack.live_graph import assemble

    seeds = np.random.SeedSequence(seed).generate_state(2)
    own, targets = (
        Examples.photographed(work.logits, side.images, side.labels, count=1, seed=int(one))
        for side, one in zip((work.own, work.targets), seeds, strict=True)
    )
    rows, stated, floor = [], [], float("nan")
    for policy in _fitted(policies, work):
        adversary = Adversary.seeing(1, targets, own=own, policy=policy, config=config, seed=seed)
        attacked, errors = _candidates(adversary, targets)
        if policy.config.name == LABEL:
            floor = min(errors.values())
        best = _best(errors)
        rows.append(replace(attacked, parts={best: attacked.parts[best]}))
        stated.append(_stated(policy, best, errors[best], floor))
        print(
            f"{attacked.text:<14} MSE {errors[best]:.4f}, {errors[best] / floor:.3f} of label alone, by {best}",
            flush=True,
        )
        if policy.row.tells_logits and NETWORK in errors:
            _hold_to_yardstick(adversary, targets, errors[NETWORK])
    about = {
        "schema": SCHEMA,
        "model_sha256": work.model_sha256,
        "classes": list(work.own.names),
        "side": work.own.side,
        "attacker_images": len(work.own),
        "targets": len(work.targets),
        "policies": stated,
    }
    return bytes(assemble(work.model, rows, work.own.side, about).SerializeToString(deterministic=True))


def _fitted(policies: Sequence[str], work: Prepared) -> list[OutputPolicy]:
    """The label first; why one is left out is said on stderr."""
    logits, found = work.logits(work.judged.images), []
    for text in dict.fromkeys([LABEL, *policies]):
        config = parse_policy(text)
        try:
            policy = fit_policy(config, logits, work.judged.labels, work.judged.side)
            if policy.row.reads_image:
                raise ConfigError(
                    "Its draw needs the secret keys of the published graph; the label's mean image stands for it."
                )
            found.append(policy)
        except ConfigError as error:
            print(f"{format_policy(config)} is left out. {error}", file=sys.stderr, flush=True)
    return found


def _candidates(adversary: Adversary, targets: Examples) -> tuple[Attacked, Mapping[str, float]]:
    """All attacks that fit the policy, and their mean squared errors on the targets, as the graph makes them."""
    import onnxruntime

    from mnist_etc.attack.live_graph import Attacked, attack_alone
    from mnist_etc.attack.live_parts import PARTS

    fitted = {name: kind.fit(adversary) for name, kind in PARTS.items() if name != adversary.policy.config.name}
    row = Attacked(policy=adversary.policy, parts={name: part for name, part in fitted.items() if part is not None})
    alone = attack_alone([row], targets.images.shape[1]).SerializeToString()
    session = onnxruntime.InferenceSession(alone, providers=["CPUExecutionProvider"])
    errors = {}
    for name in row.parts:
        output = output_names(row.text, name)[1]
        parts = [
            session.run([output], {"logits": targets.logits[first : first + CHUNK]})[0]
            for first in range(0, len(targets.logits), CHUNK)
        ]
        errors[name] = _error(np.concatenate(parts), targets)
    return row, errors


def _best(errors: Mapping[str, float]) -> str:
    """The one that errs least; of about equals the smaller, which comes first."""
    best, *others = errors
    for name in others:
        best = name if errors[name] < LESS * errors[best] else best
    return best


def _error(rebuilt: NDArray[np.float32], targets: Examples) -> float:
    return float(np.square(rebuilt.astype(np.float64) - targets.images).mean())


def _hold_to_yardstick(adversary: Adversary, targets: Examples, network: float) -> None:
    closed = ATTACKS[YARDSTICK].load()(adversary)
    if closed is not None and (said := shortfall(network, _error(closed.images, targets))):
        print(f"warning: {said}", file=sys.stderr, flush=True)


def _stated(policy: OutputPolicy, attack: str, error: float, floor: float) -> dict[str, Any]:
    return {
        "policy": format_policy(policy.config),
        "attack": attack,
        "mse": round(error, DIGITS),
        "of_label": round(error / floor, DIGITS),
        "leakage_bits": policy.leakage_bits(),
    }
