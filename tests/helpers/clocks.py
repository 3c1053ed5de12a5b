"""Clocks that tests set, and networks that take a known time on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FakeClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(nn.Module):
    """A network that takes a known time for each image, and counts its images.

    Args:
        clock: the clock that it moves.
        seconds: for each image.
        classes: the number of outputs.
    """

    def __init__(self, clock: FakeClock, seconds: float, classes: int = 4) -> None:
        super().__init__()
        self.clock, self.seconds, self.classes, self.images = clock, seconds, classes, 0

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        self.clock.now += self.seconds * len(images)
        return torch.eye(self.classes)[torch.arange(len(images)) % self.classes]
