"""Typed config of a figure. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.app.fields import as_list
from wee.errors import WeeError, unknown
from wee.method.policies import BASELINES, POLICIES, Window
from wee.method.scores import DEFAULT_SCORE

KINDS = ("curves", "tradeoff", "widths", "sizes", "hypervolume", "validation")
FORMATS = ("pdf", "png", "svg")
TOGETHER = "+".join(BASELINES)
"""The front of single models and ensembles together, "single+ensemble"; a policy of hypervolume figures alone."""


@dataclass
class FigureConfig:
    """What a figure shows.

    Attributes:
        name: Name of its files.
        kind: "curves": a metric against the average cost through the scales, one curve for each policy. "tradeoff": one scale,
            through the widths and thresholds. "widths" and "sizes": as "curves", with one curve for each window width or
            ensemble size. "hypervolume": the area under the front of each policy. "validation": one scale, what a deployed
            system does on the test set against the size of its validation set.
        panels: Metrics, one panel each; for "validation", tasks, four panels each.
        split: Where the values were measured: "test", or "shift-NAME" for a shifted test set.
        ood: OOD sets, one panel each: null for ID data alone, a name, a list of names, or "all" that the tables have.
        policies: The curves: policies of a sweep; with kind="hypervolume" also "single+ensemble", the front of both.
        adjusted: Whether to draw the windows adjusted to the unlabelled stream as well, dotted.
        score: The confidence that results are ranked by.
        exit_score: The confidence that decides who goes on to the next stage; null for the same as `score`.
        width: Width of the window; a list for kind="widths".
        fraction: Quantile of the single threshold or probability of the random exit.
        parameters: Which parameters of policies of your own are drawn, as tables write them ("share=0.3"): a text or a list
            of them; null where tables have one setting of each policy.
        size: Number of members in a cascade, where tables have several sizes; a list for kind="sizes".
        scale: The scale of a "tradeoff" or "validation": its name, or "middle".
        reference: The reference point of a "hypervolume": null for that of the tables drawn; the name or folder of a sweep,
            or a CSV file with the columns metric, ref_price (or ref_macs), ref_value. The same reference makes two figures
            comparable.
        columns: Number of panels side by side.
        panel_size: Width and height of one panel, in inches.
        formats: File formats, some of pdf, png, svg.
        dpi: Dots per inch of a png.
    """

    name: str = MISSING
    kind: str = "curves"
    panels: Any = MISSING
    split: str = "test"
    ood: Any = None
    policies: Any = field(default_factory=lambda: [*BASELINES, Window.name])
    adjusted: bool = False
    score: str = DEFAULT_SCORE
    exit_score: str | None = None
    width: Any = 0.2
    fraction: float = 0.2
    parameters: Any = None
    size: Any = None
    scale: str = "middle"
    reference: str | None = None
    columns: int = 2
    panel_size: list[float] = field(default_factory=lambda: [1.72, 1.5])
    formats: Any = field(default_factory=lambda: ["pdf", "png"])
    dpi: int = 300

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of figure", self.kind, KINDS)
        self.exit_score = self.exit_score or self.score
        self.parameters = None if self.parameters is None else [str(text) for text in as_list(self.parameters)]
        self.panels = [str(panel) for panel in as_list(self.panels)]
        self.formats = as_list(self.formats)
        for name in self.formats:
            if name not in FORMATS:
                raise unknown("format", name, FORMATS)
        if not self.panels or not self.formats or self.columns < 1 or self.dpi < 1:
            raise WeeError("a figure needs at least one panel, one format, one column, and one dot per inch")
        self._check_policies()
        for key, kind in (("width", "widths"), ("size", "sizes")):
            if isinstance(getattr(self, key), (list, tuple)) != (self.kind == kind):
                raise WeeError(
                    f"figure.{key} is {getattr(self, key)}: a list of them is for figure.kind={kind}, and only there"
                )
        if self.kind == "hypervolume" and self.split != "test":
            raise WeeError("fronts are of the test set: figure.split is for other kinds of figures")
        if self.kind != "hypervolume" and self.reference is not None:
            raise WeeError(f"figure.reference is for figure.kind=hypervolume, and this figure's kind is {self.kind}")

    def _check_policies(self) -> None:
        self.policies = as_list(self.policies)
        if not self.policies:
            raise WeeError(f"figure.policies is empty; choose from {', '.join(POLICIES)}")
        for policy in self.policies:
            if policy == TOGETHER and self.kind != "hypervolume":
                raise WeeError(
                    f"figure.policies has {TOGETHER}, which is a front and has a bar in figures of kind hypervolume alone; "
                    f"in figures of kind {self.kind} draw both: 'figure.policies=[{','.join(BASELINES)}]'"
                )
            if policy not in (*POLICIES, TOGETHER) and ":" not in str(policy):
                raise unknown("policy", policy, [*POLICIES, *([TOGETHER] if self.kind == "hypervolume" else [])])
            if policy != TOGETHER:
                POLICIES.find(policy)
