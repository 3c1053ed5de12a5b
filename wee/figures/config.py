"""Typed config of a figure. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.config.common import as_list
from wee.errors import WeeError, unknown

KINDS = ("curves",)
FORMATS = ("pdf", "png", "svg")


@dataclass
class FigureConfig:
    """What is drawn.

    Attributes:
        name: of its files.
        kind: "curves": a metric against average MACs, a panel a metric, a curve a policy over the scales.
        panels: metrics, one a panel.
        policies: the curves, from single, ensemble, window, threshold, random.
        width: of the window that is drawn.
        fraction: of the single threshold or random exit that is drawn.
        score: the confidence that results are ranked by, and that samples go on by.
        columns: panels side by side.
        panel_size: of one panel, width and height in inches.
        formats: some of pdf, png, svg.
        dpi: of png.
    """

    name: str = MISSING
    kind: str = "curves"
    panels: Any = MISSING
    policies: Any = field(default_factory=lambda: ["single", "ensemble", "window"])
    width: Any = 0.2
    fraction: float = 0.2
    score: str = "msp"
    columns: int = 2
    panel_size: list[float] = field(default_factory=lambda: [1.72, 1.5])
    formats: Any = field(default_factory=lambda: ["pdf", "png"])
    dpi: int = 300

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of figure", self.kind, KINDS)
        self.panels = [str(panel) for panel in as_list(self.panels)]
        self.policies = as_list(self.policies)
        self.formats = as_list(self.formats)
        for one in self.formats:
            if one not in FORMATS:
                raise unknown("format", one, FORMATS)
        if not self.panels or self.columns < 1:
            raise WeeError("a figure needs at least one panel and one column")
