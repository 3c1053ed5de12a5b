"""Hypervolumes: the area under the front of each policy, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wee.errors import WeeError
from wee.figures.kinds.base import REFERENCE, TABLE, FigureKind
from wee.sweep.config import BASELINE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from wee.figures.config import FigureConfig
    from wee.figures.labels import Labels


class Hypervolumes(FigureKind):
    """One bar for each policy: the hypervolume of its front."""

    name = "hypervolume"
    label = "hypervolumes"
    help = "the area under the front of each policy, as bars"
    reads = (TABLE,)
    fields = ("reference",)
    extra_policies = (BASELINE,)

    def check(self, config: FigureConfig) -> None:
        """Check that the split is the test set, because fronts are reported on it.

        Raises:
            WeeError: the config has another split.
        """
        if config.split != "test":
            raise WeeError("fronts are of the test set: figure.split is for other kinds of figures")

    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the bars.

        Returns:
            One row for each metric, family and policy: `panel`, `metric`, `dataset`, `family`, `cost`, `line`, `look`,
            `value`, and the reference point, `ref_price` and `ref_value`. Each family has its own panels, because reference
            points differ between families.
        """
        import pandas as pd

        from wee.figures.points import check_split, one_cost
        from wee.figures.style import label
        from wee.method import Metric
        from wee.sweep.fronts import fronts
        from wee.sweep.prices import with_macs

        table = tables[TABLE]
        cost = one_cost(table)
        check_split(table, config)
        every_front = fronts(table, tables.get(REFERENCE))
        every_front = every_front[(every_front.eval_score == config.score) | every_front.eval_score.isna()]
        every_front = every_front[every_front.score.isna() | (every_front.score == config.exit_score)]
        groups = table[["dataset", "family"]].drop_duplicates()
        rows: list[dict[str, Any]] = []
        for metric in map(Metric.parse, config.panels):
            for dataset, family in groups.itertuples(index=False):
                panel_fronts = every_front[
                    (every_front.metric == metric.name)
                    & (every_front.dataset == dataset)
                    & (every_front.family == family)
                ]
                name = metric.name if len(groups) == 1 else f"{metric.name} {dataset} {family}"
                for policy in config.policies:
                    front = panel_fronts[panel_fronts.policy == policy]
                    if front.empty:
                        raise WeeError(
                            f"these sweeps have no front of {name} for policy {policy}; sweep it: wee sweep policy=all"
                        )
                    place = {"panel": name, "metric": metric.name, "ood": None, "dataset": dataset, "family": family}
                    place["cost"] = cost
                    first = front.iloc[0]
                    numbers = {"value": first.hypervolume, "ref_price": first.ref_price, "ref_value": first.ref_value}
                    rows.append({**place, "line": label(policy), "look": policy, **numbers})
        return with_macs(pd.DataFrame(rows))

    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw the bars."""
        from wee.figures.draw import draw_bars

        return draw_bars(points, config, labels)
