"""Curves: a metric against the average cost through the scales, one curve for each policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wee.figures.kinds.lines import Lines

if TYPE_CHECKING:
    import pandas as pd

    from wee.figures.config import FigureConfig
    from wee.figures.points import Panel


class Curves(Lines):
    """One curve for each policy, through the scales of a family."""

    name = "curves"
    label = "curves"
    help = "a metric against the average cost through the scales, one curve for each policy"
    fields = (*Lines.fields, "adjusted")

    def lines(self, rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
        """Yield a line for each policy, and one for its adjusted rules if the config asks for them."""
        from wee.figures.points import curve, line
        from wee.figures.style import ADJUSTED, label, look
        from wee.method import POLICIES

        # Scales are named along the curve that is drawn on top of the others; the first of them, if there are several.
        noted = max(config.policies, key=lambda policy: look(policy).order)
        for policy in config.policies:
            yield line(curve(rows, policy, panel, config), label(policy), policy, note=policy == noted)
            if POLICIES.find(policy).adjustable and config.adjusted and panel.ood is not None:
                adjusted = curve(rows, policy, panel, config, adjusted=True)
                yield line(adjusted, POLICIES.find(policy).adjusted_label or f"adjusted {label(policy)}", ADJUSTED)
