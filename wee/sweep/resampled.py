"""A warning about metrics of one's own that are the same on all resamples."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def constant_warning(table: pd.DataFrame) -> str | None:
    """Return a warning about metrics of one's own whose intervals all have no width.

    Such a metric does not count a sample as often as a resample draws it, so that it has no intervals.

    Args:
        table: the table of a sweep.

    Returns:
        The warning; None if there is no such metric, or no interval.
    """
    own = table[table.metric.str.contains(":", regex=False) & table.lower.notna()]
    constant = (own.lower == own.upper).groupby(own.metric).all()
    names = list(constant.index[constant])
    if not names:
        return None
    return (
        f"{', '.join(names)}: the same on all resamples, so that the intervals have no width. of_outcome(outcome, times) has "
        "to count sample k times[k] times, and of_ranking(ranked_outcome) has to use ranked_outcome.ranked or .curve, which do"
    )
