"""What the models that wee adds to timm's registry have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wee.errors import WeeError


def own_arguments(name: str, pretrained: bool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for the network itself, without those that timm uses to look for pretrained weights.

    Raises:
        WeeError: pretrained weights are asked for.
    """
    if pretrained:
        raise WeeError(f"there are no pretrained weights of {name} in timm; train it, or load a checkpoint")
    return {key: value for key, value in arguments.items() if not key.startswith(("pretrained", "cache"))}
