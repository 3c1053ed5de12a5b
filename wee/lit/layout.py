"""Memory layout of images and weights."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

T = TypeVar("T", bound=Any)


def lay_out(thing: T, channels_last: bool = True) -> T:
    """A network or a batch of images in the layout that convolutions are fastest in, or in the plain one."""
    laid: T = thing.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    return laid
