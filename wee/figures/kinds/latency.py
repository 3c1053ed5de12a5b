"""Latency: a metric against the measured time of an image, and against the throughput of large batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wee.costs import LATENCY
from wee.errors import WeeError
from wee.figures.kinds.base import AVERAGES, TABLE, TIMES
from wee.figures.kinds.curves import Curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from wee.figures.config import FigureConfig
    from wee.figures.labels import Labels

MILLISECONDS = 1e3


class Latencies(Curves):
    """Two panels for each metric: against the mean latency of an image, and against the images in a second.

    Values and their intervals are those of the sweeps. Times are read from the table that `figure.times` names.
    """

    name = LATENCY
    label = "latency and throughput"
    help = "as curves, against the times that wee latency has measured (figure.times=FILE)"
    fields = ("split", "times", "latency_batch", "throughput_batch")

    def check(self, config: FigureConfig) -> None:
        """Check that the config names a table of times.

        Raises:
            WeeError: it does not.
        """
        if config.times is None:
            raise WeeError(
                "figure.times is not set: measure with wee latency sweeps=NAME, and give the table that it writes: "
                "figure.times=outputs/latency/NAME.csv"
            )

    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the points of all lines, with their times.

        Returns:
            The rows of `wee.figures.points.line_points`, once for the panel of latencies and once for that of throughputs.
            `batch` is the batch size, `x` the place on the horizontal axis (milliseconds an image, or images a second) and
            `quantity` its name; `median`, `lower` and `upper` are the median and the quartiles of the time of an image in
            seconds, and `machine` says where it was measured.

        Raises:
            WeeError: the sweeps lack data for the figure, or a setting has no time.
        """
        import pandas as pd

        from wee.figures.points import line_points
        from wee.sweep.times import machine_of

        points = line_points(tables[TABLE], config, self.lines, tables.get(AVERAGES))
        times = tables[TIMES]
        machine = machine_of(times)
        panels = []
        for batch, fast in ((config.latency_batch, False), (config.throughput_batch, True)):
            timed = _with_times(points, times, batch)
            quantity = f"throughput, batch {batch} (images/s)" if fast else f"mean latency, batch {batch} (ms)"
            panel = timed.panel + (f" throughput {batch}" if fast else f" latency {batch}")
            x = timed.throughput if fast else timed["mean"] * MILLISECONDS
            panels.append(timed.assign(panel=panel, batch=batch, quantity=quantity, x=x, machine=machine))
        order = {name: place for place, name in enumerate(points.panel.unique())}
        joined = pd.concat([part.assign(place=points.panel.map(order).to_numpy()) for part in panels])
        return joined.sort_values("place", kind="stable").drop(columns="place").reset_index(drop=True)

    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw the lines."""
        from wee.figures.draw import LineStyle, draw_lines

        names = dict(zip(points.panel, points.quantity, strict=True))
        caption = f"times on {points.machine.iloc[0]}"
        return draw_lines(points.assign(price=points.x), config, labels, LineStyle(), names, caption)


def _with_times(points: pd.DataFrame, times: pd.DataFrame, batch: int) -> pd.DataFrame:
    """Return points with the times of their settings at a batch size.

    Raises:
        WeeError: a setting has no time.
    """
    from wee.sweep.times import SETTING, SETTING_KEYS, keyed

    columns = ["mean", "median", "lower", "upper", "throughput"]
    candidates = keyed(times[(times.subject == SETTING) & (times.batch == batch)], SETTING_KEYS)
    candidates = candidates[[*SETTING_KEYS, *columns]].drop_duplicates(SETTING_KEYS)
    measured = points.drop(columns=[name for name in columns if name in points])
    measured = keyed(measured, SETTING_KEYS).merge(candidates, on=SETTING_KEYS, how="left", validate="many_to_one")
    lacking = measured[measured["mean"].isna()]
    if lacking.empty:
        return measured
    families = set(map(tuple, times[["dataset", "family"]].drop_duplicates().itertuples(index=False, name=None)))
    first = lacking.iloc[0]
    if (first.dataset, first.family) not in families:
        have = ", ".join("/".join(pair) for pair in sorted(families))
        raise WeeError(
            f"figure.times has times of {have}, and these sweeps are about {first.dataset}/{first.family}: give the table of "
            f"these sweeps, or measure them: wee latency dataset={first.dataset} family={first.family} sweeps=NAME"
        )
    parts = [f"settings.tasks=[{first.task}]"] if first.task else []
    parts += [f"settings.width={first.width}"] if first.width != "" else []
    parts += [f"settings.fraction={first.fraction}"] if first.fraction != "" else []
    parts += [f"settings.score={first.score}"] if first.score else []
    chosen = "".join(f" {part}" for part in parts)
    raise WeeError(
        f"figure.times has no time of policy {first.policy}{' of ' + first.task if first.task else ''} at {first.scale} for "
        f"batch {batch}; measure it: wee latency sweeps=NAME 'settings.policies=[{first.policy}]'{chosen} batch={batch}"
    )
