"""Typed config of costs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from wee.errors import unknown


@dataclass
class CostConfig:
    """What a stage of a cascade costs.

    Attributes:
        measure: "macs": multiply-accumulates of one forward pass at the scale's own input size.
    """

    measure: str = "macs"

    def __post_init__(self) -> None:
        if self.measure != "macs":
            raise unknown("cost", self.measure, ["macs"])
