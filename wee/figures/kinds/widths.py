"""Widths: curves of window cascades, one for each width of the window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wee.figures.kinds.lines import Lines

if TYPE_CHECKING:
    import pandas as pd

    from wee.figures.config import FigureConfig
    from wee.figures.points import Panel


class Widths(Lines):
    """One curve for each width of the window, from light (the first) to dark, beside single models."""

    name = "widths"
    label = "window widths"
    help = "as curves, with one curve for each width of the window (figure.width=[..])"
    lists = ("width",)
    graded = True

    def lines(self, rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
        """Yield the line of single models, and one for each width."""
        from wee.figures.points import curve, line, lines_through_scales
        from wee.method import Single, Window

        yield line(curve(rows, Single.name, panel, config), Single.label, Single.name, note=True)
        for k, width in enumerate(config.widths):
            of_width = curve(rows, Window.name, panel, config, width=width)
            shade = k / max(len(config.widths) - 1, 1)
            yield from lines_through_scales(of_width, f"width {width}", Window.name, shade=shade)
