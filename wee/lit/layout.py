"""Memory layout of images and weights."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

T = TypeVar("T", bound=Any)


def lay_out(thing: T, channels_last: bool = True) -> T:
    """Return a network or a batch of images in the layout "channels last", which suits convolutions, or in the default one."""
    converted: T = thing.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    return converted
