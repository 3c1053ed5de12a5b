"""Typed config of a figure. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.config.common import as_list
from wee.errors import WeeError, unknown

KINDS = ("curves", "tradeoff", "widths", "sizes", "hypervolume", "validation")
FORMATS = ("pdf", "png", "svg")


@dataclass
class FigureConfig:
    """What is drawn.

    Attributes:
        name: of its files.
        kind: "curves": a metric against average MACs, through the scales; a curve a policy. "tradeoff": one scale, through
            the widths and thresholds. "widths" and "sizes": as curves, a curve a width or an ensemble size.
            "hypervolume": the area that each policy's front dominates. "validation": one scale, what a deployed system does
            on the test set against the size of its validation set.
        panels: metrics, one a panel; for "validation", tasks, four panels each.
        split: on which the values were measured: "test", or "shift-NAME" for a shifted test set.
        ood: OOD sets, a panel each: null for ID data, one, a list, or "all" in the tables.
        policies: the curves, from single, ensemble, last, window, threshold, random.
        adjusted: draw windows adjusted to the unlabelled stream as well, dotted.
        score: the confidence that results are ranked by.
        exit: the confidence that samples go on by; null for the same.
        width: of the window; a list for "widths".
        fraction: of the single threshold or random exit.
        size: networks in a cascade, where tables have several; a list for "sizes".
        scale: of a "tradeoff" or "validation": a scale, or "middle".
        columns: panels side by side.
        panel_size: of one panel, width and height in inches.
        formats: some of pdf, png, svg.
        dpi: of png.
    """

    name: str = MISSING
    kind: str = "curves"
    panels: Any = MISSING
    split: str = "test"
    ood: Any = None
    policies: Any = field(default_factory=lambda: ["single", "ensemble", "window"])
    adjusted: bool = False
    score: str = "msp"
    exit: str | None = None
    width: Any = 0.2
    fraction: float = 0.2
    size: Any = None
    scale: str = "middle"
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
        if not self.panels or not self.formats or self.columns < 1 or self.dpi < 1:
            raise WeeError("a figure needs at least one panel, one format, one column, and one dot per inch")
        for key, kind in (("width", "widths"), ("size", "sizes")):
            if isinstance(getattr(self, key), (list, tuple)) != (self.kind == kind):
                raise WeeError(
                    f"figure.{key} is {getattr(self, key)}: a list of them is for figure.kind={kind}, and only there"
                )

    @property
    def exit_score(self) -> str:
        """The confidence that samples go on by."""
        return self.score if self.exit is None else self.exit
