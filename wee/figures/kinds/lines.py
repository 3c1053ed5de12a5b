"""The base class of figures made of lines: one panel for each metric and OOD set, with lines of points."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from wee.figures.kinds.base import AVERAGES, TABLE, FigureKind

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from wee.figures.config import FigureConfig
    from wee.figures.labels import Labels
    from wee.figures.points import Panel


class Lines(FigureKind):
    """A figure of lines: metrics against the average cost.

    Attributes:
        through_scales: Whether lines run through the scales of a family. If not, they run through the values of a parameter
            at one scale: the axis of costs is linear, and intervals are drawn as bands.
        graded: Whether lines are a sequence, distinguished by their lightness.
    """

    reads = (TABLE, AVERAGES)
    fields: ClassVar[tuple[str, ...]] = ("split", "ood", "ood_share")
    through_scales: ClassVar[bool] = True
    graded: ClassVar[bool] = False

    @abstractmethod
    def lines(self, rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
        """Yield the lines of one panel, each as `wee.figures.points.line` returns it.

        Args:
            rows: The rows of the table that belong to the panel.
            panel: The panel.
            config: The config of the figure.
        """

    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the points of all lines; see `wee.figures.points.line_points`."""
        from wee.figures.points import line_points

        return line_points(tables[TABLE], config, self.lines, tables.get(AVERAGES))

    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw the lines."""
        from wee.figures.draw import LineStyle, draw_lines

        return draw_lines(points, config, labels, LineStyle(self.through_scales, self.graded))
