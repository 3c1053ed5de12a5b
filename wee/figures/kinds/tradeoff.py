"""Tradeoff: a single scale, with lines through the widths of the window and through the thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wee.figures.kinds.lines import Lines

if TYPE_CHECKING:
    import pandas as pd

    from wee.figures.config import FigureConfig
    from wee.figures.points import Panel


class Tradeoff(Lines):
    """One line for each policy at one scale, through the values of the policy's parameter."""

    name = "tradeoff"
    label = "trade-off"
    help = "one scale, with one line for each policy through its widths or thresholds"
    fields = (*Lines.fields, "scale")
    through_scales = False

    def lines(self, rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
        """Yield a line for each policy; for multi-exit members, a line for each policy and choice of exits."""
        from wee.figures.points import line, need, of_policy, one_scale, one_size
        from wee.figures.style import label
        from wee.method import POLICIES
        from wee.method.policies import Role
        from wee.sweep.cells import NUMBERS, read_width

        rows = rows[rows.scale == one_scale(rows, config)]
        multi_exit = rows.exits.notna().any()
        for policy in config.policies:
            drawn = need(of_policy(rows, policy, panel, config, any_parameter=True), policy, panel, config)
            if not multi_exit:
                yield line(one_size(drawn), label(policy), policy)
                continue
            if POLICIES.find(policy).role is not Role.CASCADE:
                yield line(drawn, label(policy), policy, note=True)
                continue
            for exits, of_exits in drawn.groupby(drawn.exits.astype(str), sort=True):
                # Cascades of three exits or more are drawn only if each stage has its own width; pairs of exits always.
                stage_widths = of_exits.width.map(lambda width: isinstance(read_width(width), tuple))
                any_stage_widths = stage_widths.any()
                of_exits = of_exits[stage_widths] if any_stage_widths else of_exits[of_exits["size"] == 2]
                if len(of_exits):
                    name = f"{label(policy)} {{{', '.join(map(str, NUMBERS.read(exits)))}}}"
                    yield line(of_exits, name, policy, shade=1.0 if any_stage_widths else None)
