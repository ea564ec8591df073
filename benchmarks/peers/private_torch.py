"""Private steps in PyTorch: ``private_torch.py {opacus,func,plain} {autoencoder,classifier}``.

Fused Adam. Weights are channels last without privacy and contiguous with it, where Opacus was up to twice as fast
with them in one trial. `torch.compile` of the autoencoder's ``vmap(grad)`` had not ended after four minutes on a busy
core: left out. Opacus has a rule of its own for a convolution but none for a
transposed one, which it sends through `torch.func`; its expanded weights know no transposed convolution at all.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import private_data
import torch
from common import cores
from opacus.grad_sample.utils import wrap_model
from opacus.optimizers import get_optimizer_class
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from private_data import CHECKED, CLASSES, CLIP, HID_DIM, LEARNING_RATE, NOISE_MULTIPLIER, Values
from torch import nn
from torch.func import functional_call, grad, vmap
from torch_train import build_autoencoder
from worker import Epoch, epochs, serve

KIND, TASK = sys.argv[1:]
ARRAYS = [torch.from_numpy(array.copy()) for array in private_data.arrays(TASK)]
Batch = tuple[torch.Tensor, torch.Tensor]


class Loss(nn.Module):
    """Mean over the batch, or the loss of each example where ``reduction`` is "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Mean squared error of an image, or cross-entropy."""
        if TASK == "autoencoder":
            losses = (predicted - wanted).square().flatten(1).mean(1)
        else:
            losses = nn.functional.cross_entropy(predicted, wanted, reduction="none")
        return losses if self.reduction == "none" else losses.mean()


def build_model() -> nn.Module:
    """The same network at every call."""
    torch.manual_seed(0)
    if TASK == "classifier":
        return nn.Linear(HID_DIM, CLASSES)
    model = build_autoencoder()
    return model.to(memory_format=torch.channels_last) if KIND == "plain" else model


def batch_of(indices: npt.NDArray[np.int64]) -> Batch:
    """Inputs and what they should become."""
    rows = [array[torch.from_numpy(indices)] for array in ARRAYS]
    if TASK == "classifier":
        return rows[0], rows[1]
    pixels = rows[0][:, None].float() / 255
    return pixels, pixels


def adam(model: nn.Module) -> torch.optim.Optimizer:
    """Fused."""
    return torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)


class Opacus:
    """Its model wrapper, its optimizer and, for ghost clipping, its loss."""

    def __init__(self, mode: str, batch_size: int, clip: float, noise_multiplier: float) -> None:
        self._plain = build_model()
        self._model: Any = wrap_model(self._plain, grad_sample_mode=mode, batch_first=True, loss_reduction="mean")
        if mode == "ghost":
            self._model.max_grad_norm = clip
        self._optimizer = get_optimizer_class("flat", distributed=False, grad_sample_mode=mode)(
            adam(self._plain),
            noise_multiplier=noise_multiplier,
            max_grad_norm=clip,
            expected_batch_size=batch_size,
            loss_reduction="mean",
        )
        loss = Loss()
        ghost = mode == "ghost"
        self._loss: Any = DPLossFastGradientClipping(self._model, self._optimizer, loss) if ghost else loss

    def step(self, batch: Batch) -> None:
        """Clip, sum, add noise, update."""
        self._optimizer.zero_grad()
        self._loss(self._model(batch[0]), batch[1]).backward()
        self._optimizer.step()

    def total(self, batch: Batch) -> Values:
        """The noised sum, ``(parameters,)``."""
        self.step(batch)
        return torch.cat([one.grad.flatten() for one in self._plain.parameters()]).numpy() * len(batch[0])


class Func:
    """``vmap(grad)``, clipped and summed by hand."""

    def __init__(self, mode: str, batch_size: int, clip: float, noise_multiplier: float) -> None:
        self._model, self._batch_size = build_model(), batch_size
        self._weights = dict(self._model.named_parameters())
        self._optimizer = adam(self._model)
        self._deviation = clip * noise_multiplier
        loss = Loss()

        def loss_of(weights: dict[str, torch.Tensor], inputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            return loss(functional_call(self._model, weights, (inputs[None],)), wanted[None])

        def clipped_sum(weights: dict[str, torch.Tensor], *batch: torch.Tensor) -> dict[str, torch.Tensor]:
            gradients = vmap(grad(loss_of), (None, 0, 0))(weights, *batch)
            norms = sum(one.flatten(1).square().sum(1) for one in gradients.values()).sqrt()
            factors = (clip / norms.clamp(min=1e-12)).clamp(max=1)
            return {name: torch.tensordot(factors, one, 1) for name, one in gradients.items()}

        self._clipped_sum: Callable[..., Any] = torch.compile(clipped_sum) if mode == "compiled" else clipped_sum

    def step(self, batch: Batch) -> None:
        """Clip, sum, add noise, update."""
        detached = {name: one.detach() for name, one in self._weights.items()}
        for name, total in self._clipped_sum(detached, *batch).items():
            self._weights[name].grad = (total + self._deviation * torch.randn_like(total)) / self._batch_size
        self._optimizer.step()

    def total(self, batch: Batch) -> Values:
        """The noised sum, ``(parameters,)``."""
        self.step(batch)
        return torch.cat([one.grad.flatten() for one in self._weights.values()]).numpy() * self._batch_size


class Plain:
    """No privacy: the gradient of the mean loss."""

    def __init__(self, mode: str, batch_size: int, clip: float, noise_multiplier: float) -> None:  # noqa: ARG002
        self._model = build_model()
        self._optimizer, self._loss = adam(self._model), Loss()

    def step(self, batch: Batch) -> None:
        """Update."""
        self._optimizer.zero_grad()
        self._loss(self._model(batch[0]), batch[1]).backward()
        self._optimizer.step()


PEERS: dict[str, Any] = {"opacus": Opacus, "func": Func, "plain": Plain}


def modes() -> list[str]:
    """Ways to come by the gradients of single examples."""
    if KIND == "opacus":
        return ["hooks", "functorch", "ghost", *(["ew"] if TASK == "classifier" else [])]
    compiles = KIND == "func" and TASK == "classifier" and shutil.which("g++")
    return ["eager", *(["compiled"] if compiles else [])]


def build(variant: str, batch_size: int) -> Epoch:
    """Poisson samples for Opacus, else fixed batches; on all cores or on one."""
    mode, _, threads = variant.partition(", ")
    peer = PEERS[KIND](mode, batch_size, CLIP, NOISE_MULTIPLIER)

    def epoch(order: npt.NDArray[np.int64]) -> None:
        torch.set_num_threads(1 if threads == "one thread" else cores())
        for indices in private_data.samples(batch_size, len(order)) if KIND == "opacus" else order:
            peer.step(batch_of(indices))

    return epoch


def gradient(number: int) -> Values:
    """Of one example alone, ``(parameters,)``."""
    model = build_model()
    inputs, wanted = batch_of(np.array([number]))
    Loss()(model(inputs), wanted).backward()
    return torch.cat([one.grad.flatten() for one in model.parameters()]).numpy()


def check(mode: str) -> None:
    """The clipped sum against gradients of one example at a time."""
    batch = batch_of(np.arange(CHECKED))
    private_data.check(
        mode,
        np.stack([gradient(number) for number in range(CHECKED)]),
        lambda clip: PEERS[KIND](mode, CHECKED, clip, 0.0).total(batch),
    )


if __name__ == "__main__":
    if KIND != "plain":
        for mode in modes():
            check(mode)
    variants = [f"{mode}, {threads}" for mode in modes() for threads in ("all threads", "one thread")]
    serve(variants, ["torch", *(["opacus"] if KIND == "opacus" else [])], epochs(build))
