"""`cnn` in PyTorch: fused Adam, images in memory, channels last or first, or compiled by TorchInductor."""

from __future__ import annotations

import shutil

import numpy as np
import numpy.typing as npt
import torch
from common import cores
from idx import mnist
from torch import nn
from worker import Epoch, epochs, serve

WIDTH, CLASSES = 32, 10
IMAGES, LABELS = (torch.from_numpy(array.copy()) for array in mnist("train"))
LABELS = LABELS.long()


def build_cnn() -> nn.Module:
    """Images ``(batch, 1, 28, 28)`` to logits ``(batch, classes)``."""
    layers: list[nn.Module] = []
    channels = 1
    for number in range(4):
        filters = WIDTH if number == 0 else 2 * WIDTH
        layers.append(nn.Conv2d(channels, filters, 3, padding=1, bias=False))
        if number < 2:
            layers.append(nn.MaxPool2d(2))
        layers += [nn.BatchNorm2d(filters, eps=1e-3), nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 49, CLASSES))


def build(variant: str, batch_size: int) -> Epoch:  # noqa: ARG001
    """An epoch on all cores."""
    torch.manual_seed(0)
    torch.set_num_threads(cores())
    layout = torch.contiguous_format if variant == "channels first" else torch.channels_last
    model = build_cnn().to(memory_format=layout).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    predict = torch.compile(model) if variant == "compiled" else model

    def epoch(order: npt.NDArray[np.int64]) -> None:
        for indices in torch.from_numpy(order):
            pixels = (IMAGES[indices].float() / 255)[:, None].contiguous(memory_format=layout)
            optimizer.zero_grad()
            nn.functional.cross_entropy(predict(pixels), LABELS[indices]).backward()
            optimizer.step()

    return epoch


if __name__ == "__main__":
    variants = ["channels last", "channels first", *(["compiled"] if shutil.which("g++") else [])]
    serve(variants, ["torch"], epochs(build))
