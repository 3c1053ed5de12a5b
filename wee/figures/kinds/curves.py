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
        """Yield a line for each policy, and one for its adjusted rules if the config asks for them.

        Lineups across scales are points of their own; see `wee.figures.points.lines_through_scales`.
        """
        from wee.figures.points import curve, lines_through_scales
        from wee.figures.style import ADJUSTED, label, look
        from wee.method import POLICIES

        # Scales are named along the curve that is drawn on top of the others; the first of them, if there are several.
        noted = max(config.policies, key=lambda policy: look(policy).order)
        for policy in config.policies:
            setting = _setting(rows, policy, config)
            drawn = curve(rows, policy, panel, config)
            yield from lines_through_scales(drawn, label(policy) + setting, policy, note=policy == noted)
            if POLICIES.find(policy).adjustable and config.adjusted and panel.ood is not None:
                adjusted = curve(rows, policy, panel, config, adjusted=True)
                name = POLICIES.find(policy).adjusted_label or f"adjusted {label(policy)}"
                yield from lines_through_scales(adjusted, name + setting, ADJUSTED)


def _setting(rows: pd.DataFrame, policy: str, config: FigureConfig) -> str:
    """Return what distinguishes the drawn setting of a policy from others in the rows: ", width 0.2"; empty if it is alone."""
    from wee.method import POLICIES
    from wee.method.policies import PARAMETERS

    kind = POLICIES.find(policy)
    if kind.column is None or kind.column == PARAMETERS:
        return ""
    several = rows[rows.policy == policy][kind.column].dropna().nunique() > 1
    return f", {kind.parameters()[0]} {getattr(config, kind.column)}" if several else ""
