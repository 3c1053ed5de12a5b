"""A member with its weights, ready to run."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from wee.data.base import Transform


@dataclass(frozen=True)
class Network:
    """A member with its weights.

    Attributes:
        module: images to logits.
        transform: what it is to see of an image.
        cost: on one sample, by measure ("macs", "parameters"); a list where there are exits.
    """

    module: nn.Module
    transform: Transform
    cost: dict[str, float | list[float]]
