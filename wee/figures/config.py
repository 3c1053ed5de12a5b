"""Typed config of a figure. Imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from omegaconf import MISSING

from wee.app.fields import Checked, as_list, written
from wee.errors import WeeError, unknown
from wee.figures.kinds import FIGURE_KINDS, FigureKind
from wee.method.curves import OOD_SHARE
from wee.method.policies import BASELINES, POLICIES, Width, Window
from wee.method.scores import DEFAULT_SCORE

FORMATS = ("pdf", "png", "svg")

SELECTIVE_FIELDS = (
    "split", "ood", "ood_share", "adjusted", "scale", "reference", "times", "latency_batch", "throughput_batch",
)  # fmt: skip
"""Fields that only some kinds of figures use; see `FigureKind.fields`. For other kinds they must keep their defaults."""

LIST_FIELDS = ("width", "size")
"""Fields that hold a list for kinds of figures that name them in `FigureKind.lists`, and one value for other kinds."""


@dataclass
class FigureConfig:
    """Configuration of a figure.

    Attributes:
        name: Name of the figure's files.
        kind: Kind of figure in `wee.figures.kinds.FIGURE_KINDS`, or a plug-in "module:Name".
        panels: Metrics, with one panel each; for a study of the validation set's size, tasks, with four panels each.
        split: Split on which the values were measured: "test", or "shift-NAME" for a shifted test set.
        ood: OOD sets, with one panel each: null for ID data alone, a name, a list of names, or "all" in the tables.
        ood_share: The share of OOD data in the stream, for tables with several shares.
        policies: The policies that are drawn. A figure of hypervolumes can also show "single+ensemble", the joint front of
            the two.
        adjusted: Whether to draw the windows adjusted to the unlabelled stream as well, dotted.
        score: The score that results are ranked by.
        exit_score: The score that decides exits; null for the same as `score`.
        width: Width of the window; a list for the kinds that compare widths.
        fraction: Quantile of the single threshold or probability of the random exit.
        parameters: Parameters of policies of your own that are drawn, as written in tables ("share=0.3"): a text or a list of
            texts; null if the tables have one setting of each policy.
        size: Number of members in a cascade, for tables with several sizes; a list for the kinds that compare sizes.
        scale: Scale of a figure that shows one scale: its name, or "middle".
        reference: Reference points of hypervolumes: null for those of the drawn tables; the name or folder of a sweep, or a
            CSV file with the columns metric, ref_price (or ref_macs), ref_value. Figures with the same reference can be
            compared.
        times: The table of times that `wee latency` has written, for figures of times.
        latency_batch: The batch size of the panels of latencies.
        throughput_batch: The batch size of the panels of throughputs.
        columns: Number of panels side by side.
        panel_size: Width and height of one panel, in inches.
        formats: File formats, some of pdf, png, svg.
        dpi: Resolution of a png, in dots per inch.
    """

    name: str = MISSING
    kind: str = next(iter(FIGURE_KINDS))
    panels: Checked[list[str]] = MISSING
    split: str = "test"
    ood: Checked[str | list[str] | None] = written(None)
    ood_share: float = OOD_SHARE
    policies: Checked[list[str]] = written([*BASELINES, Window.name])
    adjusted: bool = False
    score: str = DEFAULT_SCORE
    exit_score: str | None = None
    width: Checked[Width | list[Width]] = written(0.2)
    fraction: float = 0.2
    parameters: Checked[list[str] | None] = written(None)
    size: Checked[int | list[int] | None] = written(None)
    scale: str = "middle"
    reference: str | None = None
    times: str | None = None
    latency_batch: int = 1
    throughput_batch: int = 256
    columns: int = 2
    panel_size: list[float] = field(default_factory=lambda: [1.72, 1.5])
    formats: Checked[list[str]] = written(["pdf", "png"])
    dpi: int = 300

    def __post_init__(self) -> None:
        kind = FIGURE_KINDS.find(self.kind)
        self.exit_score = self.exit_score or self.score
        self.parameters = None if self.parameters is None else [str(text) for text in as_list(self.parameters)]
        self.panels = [str(panel) for panel in as_list(self.panels)]
        self.formats = as_list(self.formats)
        for name in self.formats:
            if name not in FORMATS:
                raise unknown("format", name, FORMATS)
        if not self.panels or not self.formats or self.columns < 1 or self.dpi < 1:
            raise WeeError("a figure needs at least one panel, one format, one column, and one dot per inch")
        self._check_policies(kind)
        for key in LIST_FIELDS:
            if isinstance(getattr(self, key), (list, tuple)) != (key in kind.lists):
                raise WeeError(
                    f"figure.{key} is {getattr(self, key)}: a list of them is for "
                    f"{_kinds(other for other in FIGURE_KINDS.values() if key in other.lists)}, and only there"
                )
        kind.check(self)
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for key in SELECTIVE_FIELDS:
            if key not in kind.fields and getattr(self, key) != defaults[key]:
                others = _kinds(other for other in FIGURE_KINDS.values() if key in other.fields)
                raise WeeError(f"figure.{key} is for {others}, and this figure's kind is {kind.name}")

    @property
    def widths(self) -> list[Width]:
        """The widths of the window that are drawn."""
        return as_list(self.width)

    @property
    def sizes(self) -> list[int]:
        """The numbers of members that are drawn; empty if the config has none."""
        return [] if self.size is None else as_list(self.size)

    def _check_policies(self, kind: FigureKind) -> None:
        self.policies = as_list(self.policies)
        if not self.policies:
            raise WeeError(f"figure.policies is empty; choose from {', '.join(POLICIES)}")
        for policy in self.policies:
            if policy in (*POLICIES, *kind.extra_policies):
                continue
            if ":" in str(policy):
                POLICIES.find(policy)
                continue
            others = [other.name for other in FIGURE_KINDS.values() if policy in other.extra_policies]
            if others:
                raise WeeError(
                    f"figure.policies has {policy}, which is a front and has a bar in figures of kind "
                    f"{' or '.join(others)} alone; in figures of kind {kind.name} draw both: "
                    f"'figure.policies=[{str(policy).replace('+', ',')}]'"
                )
            raise unknown("policy", policy, [*POLICIES, *kind.extra_policies])


def _kinds(kinds: Iterable[FigureKind]) -> str:
    """Return kinds of figures as named in a message: "figure.kind=curves or tradeoff"."""
    return f"figure.kind={' or '.join(kind.name for kind in kinds)}"
