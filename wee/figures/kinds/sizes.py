"""Sizes: curves of window cascades, one for each number of members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wee.errors import WeeError
from wee.figures.kinds.lines import Lines

if TYPE_CHECKING:
    import pandas as pd

    from wee.figures.config import FigureConfig
    from wee.figures.points import Panel


class Sizes(Lines):
    """One curve for each number of members, from light (one) to dark (most); all curves join the same scales."""

    name = "sizes"
    label = "ensemble sizes"
    help = "as curves, with one curve for each number of members (figure.size=[..])"
    lists = ("size",)
    graded = True

    def lines(self, rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
        """Yield a line for each number of members; 1 stands for single models.

        Raises:
            WeeError: the sweeps have no cascades of some number of members.
        """
        from wee.figures.points import lines_through_scales, of_policy
        from wee.method import Single, Window

        largest = max(config.sizes)
        scales = rows[rows["size"] == largest].scale.unique()
        for size in config.sizes:
            policy = Single.name if size == 1 else Window.name
            of_size = of_policy(rows, policy, panel, config, size=size)
            if of_size.empty:
                raise WeeError(f"these sweeps have no {panel.name} of {size} members; sweep with ensemble.size={size}")
            shade = (size - 1) / max(largest - 1, 1)
            drawn = of_size[of_size.scale.isin(scales)]
            yield from lines_through_scales(drawn, f"M = {size}", policy, note=size == largest, shade=shade)
