"""Typed configs of families. A family consists of scales: names, each with a timm model, an input size and overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.app.fields import Checked, as_list, choose, written
from wee.app.typed import to_object
from wee.errors import WeeError, unknown

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


@dataclass
class ScaleConfig:
    """One architecture of a family.

    Attributes:
        model: the name of the model in timm's registry.
        input_size: side of the square input, in pixels.
        interpolation: how images are resized to the input.
        crop_pct: the side of the central crop as a share of the side of the resized image, in (0, 1].
        kwargs: arguments passed to `timm.create_model`.
        label: the label on figures; the name of the scale if it is empty.
        weights: the weights of members that are not trained here, one or a list, member 0 first: paths of checkpoint files,
            or "timm:" and the name of a model with its tag, for instance timm:tf_efficientnet_b0.ns_jft_in1k.
    """

    model: str = MISSING
    input_size: int = MISSING
    kwargs: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    interpolation: str = "bilinear"
    crop_pct: float = 1.0
    weights: Checked[list[str]] = written(None)

    def identity(self) -> dict[str, Any]:
        """The architecture, as plain data."""
        excluded = ("label", "interpolation", "crop_pct", "weights")  # part of the transform, or of other identities
        return {key: value for key, value in asdict(self).items() if key not in excluded}

    def __post_init__(self) -> None:
        if self.input_size < 1:
            raise WeeError(f"input_size is {self.input_size}: it is a number of pixels")
        self.weights = [] if self.weights is None else [str(name) for name in as_list(self.weights)]
        if self.interpolation not in INTERPOLATIONS:
            raise unknown("interpolation", self.interpolation, INTERPOLATIONS)
        if not 0 < self.crop_pct <= 1:
            raise WeeError(f"crop_pct is {self.crop_pct}: it is a share, more than 0 and at most 1")


@dataclass
class FamilyConfig:
    """A family: architectures of increasing cost.

    Attributes:
        name: the name in the store, in tables and in messages.
        label: the label on figures; the name if it is empty.
        model: the model of scales that name none.
        kwargs: arguments of that model, which those of a scale are added to.
        interpolation: how images are resized, for scales that do not say so.
        crop_pct: the central crop, for scales that do not say so.
        scales: a `ScaleConfig` for each scale, by name, in the order of their cost.
        stored: whether only the logits in the store are known; the family then has the scales of the store.
    """

    name: str = MISSING
    label: str = ""
    model: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)
    interpolation: str = "bilinear"
    crop_pct: float = 1.0
    scales: Checked[dict[str, ScaleConfig]] = written({})
    stored: bool = False

    def __post_init__(self) -> None:
        scales: Any = self.scales or {}
        if not isinstance(scales, Mapping):
            raise WeeError(f"family.scales is {scales!r}: it maps the name of each scale to its model and input_size")
        if not scales and not self.stored:
            raise WeeError(f"family {self.name} has no scales")
        self.scales = {str(name): self._scale(str(name), scale) for name, scale in scales.items()}

    def _scale(self, name: str, given: ScaleConfig | Mapping[str, Any] | None) -> ScaleConfig:
        if isinstance(given, ScaleConfig):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise WeeError(f"family.scales.{name} is {given!r}: it has a model and an input_size")
        scale = {"interpolation": self.interpolation, "crop_pct": self.crop_pct, **(given or {})}
        if self.model and scale.get("model") is None:
            scale |= {"model": self.model, "kwargs": {**self.kwargs, **(scale.get("kwargs") or {})}}
        return to_object(ScaleConfig, scale, f"family.scales.{name}")

    def choose(self, scale: Any) -> list[str]:
        """Return the names of the scales that the value of a `scale` field selects.

        Raises:
            WeeError: a scale does not exist, or is a list.
        """
        for name in scale if isinstance(scale, list) else []:
            if isinstance(name, list):
                lineup = ",".join(map(str, name))
                raise WeeError(
                    f"scale has the list [{lineup}]: name single scales. Lineups of several scales are "
                    f"ensemble.scales=[[{lineup}]], with a list for each lineup"
                )
        return choose("scale", scale, list(self.scales), of=f"family {self.name}")
