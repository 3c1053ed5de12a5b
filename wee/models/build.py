"""Builds networks from their configs."""

from __future__ import annotations

import difflib

import timm
from torch import nn

import wee.models.cifar  # importing these registers their models with timm
import wee.models.mobilenet
import wee.models.msdnet  # noqa: F401
from wee.errors import WeeError, unknown
from wee.models.config import ScaleConfig

CODE = ("checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir", "scriptable")
"""Arguments of timm that read files or download weights, or do what an architecture has no part in."""


def build(scale: ScaleConfig, classes: int, channels: int) -> nn.Module:
    """Build a network with random weights, using timm.

    Args:
        scale: the architecture.
        classes: number of outputs.
        channels: number of channels of an input image.

    Raises:
        WeeError: timm has no such model, or the model does not take the overrides.
    """
    for name in CODE:
        if name in scale.kwargs:
            raise WeeError(
                f"the architecture {scale.model} has kwargs.{name}: weights come from weights=FILE, which is read without "
                f"running code; leave {name} out"
            )
    if not timm.is_model(scale.model):
        raise unknown(
            "model in timm", scale.model, difflib.get_close_matches(scale.model, timm.list_models(), n=8, cutoff=0.5)
        )
    try:
        network: nn.Module = timm.create_model(scale.model, num_classes=classes, in_chans=channels, **scale.kwargs)
    except WeeError:
        raise
    except TypeError as error:
        raise WeeError(f"timm's {scale.model} does not take {scale.kwargs}: {error}") from None
    except Exception as error:  # models of timm check little of what they are given
        raise WeeError(
            f"timm's {scale.model} cannot be built with {scale.kwargs}, {classes} classes and {channels} channels: "
            f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        ) from None
    return network
