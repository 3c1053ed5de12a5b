"""Where the window of a setting lies: its ends as confidences, and as shares of the validation samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from wee.errors import WeeError
from wee.method import Rule
from wee.method.policies import POLICIES, FixedRule, Interval, IntervalRule, SingleThreshold, Window
from wee.method.policies.rules import number_to_json
from wee.sweep.cells import read_width
from wee.sweep.rules import SavedRule

TUNING = "tuning"
"""The name of the windows of a certified system, which are fitted on the tuning part of the validation set."""


def adjusted_to(stream: str) -> str:
    """Return the name of the windows that are adjusted to a stream."""
    return f"ood:{stream}"


@dataclass(frozen=True)
class StageWindow:
    """The window of one stage.

    Attributes:
        low, high: The lowest and the highest confidence that go on; the window is empty if low > high.
        tau: The operating threshold; None if the policy has none.
        rank: The percentile rank of tau among the validation confidences, in [0, 1]; None if the policy has no tau.
        start, end: The quantiles of the validation confidences at which the window begins and ends, in [0, 1]; None if the
            policy does not set its windows by quantiles.
    """

    low: float
    high: float
    tau: float | None
    rank: float | None
    start: float | None
    end: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the window as strict JSON data."""
        numbers = {name: number_to_json(number) for name, number in asdict(self).items()}
        return {name: number for name, number in numbers.items() if number is not None}


def stage_windows(saved: SavedRule, rule: Rule | None) -> list[StageWindow]:
    """Return the windows of a rule, one for each stage but the last; none if the rule has no intervals.

    Args:
        saved: The record of the setting, with the columns that name its policy and its parameters.
        rule: The rule of the record, or one that is adjusted to a stream.
    """
    if not isinstance(rule, IntervalRule):
        return []
    widths = _widths(saved, len(rule.intervals))
    quantile = _quantile(saved)
    windows = []
    for interval, width in zip(rule.intervals, widths, strict=True):
        start, end = _ends(interval, width, quantile)
        windows.append(StageWindow(interval.low, interval.high, interval.tau, interval.rank, start, end))
    return windows


def rules_of(saved: SavedRule) -> Iterator[tuple[str, SavedRule, Rule | None]]:
    """Yield the rules of a record with the names that the page knows them by.

    Yields:
        The name, the record that the rule belongs to, and the rule: "" for the rule itself, that of `adjusted_to` for the rule
        that is adjusted to a stream with an OOD set, and `TUNING` for that of the certified system, fitted on the tuning part.
    """
    yield "", saved, saved.rule
    for ood, rule in saved.adjusted.items():
        yield adjusted_to(ood), saved, rule
    if saved.certified is not None:
        yield TUNING, saved.certified, saved.certified.rule


def explain_rule(saved: SavedRule) -> str:
    """Return what decides in a setting without windows, as a sentence; empty for a setting with windows."""
    rule = saved.rule
    if isinstance(rule, IntervalRule):
        return ""
    if rule is None:
        return f"The fitted rule was not saved: {saved.not_saved}."
    if isinstance(rule, FixedRule):
        count = len(saved.lineup)
        return "There is one network, and no window." if count == 1 else f"All {count} networks run on every sample."
    probability = getattr(rule, "probability", None)
    if probability is None:
        return "The rule has no windows."
    return f"Each sample goes on with a probability of {probability:g}, whatever its confidence."


def _widths(saved: SavedRule, count: int) -> list[Any]:
    """Return the width of the window of each stage; None for a policy without windows."""
    policy, width = saved.setting.get("policy"), saved.setting.get("width")
    if width is None or not _is(policy, Window):
        return [None] * count
    width = read_width(width if isinstance(width, str) else float(width))
    return list(width) if isinstance(width, tuple) else [width] * count


def _quantile(saved: SavedRule) -> float | None:
    """Return the quantile of a single threshold; None for another policy."""
    fraction = saved.setting.get("fraction")
    return None if fraction is None or not _is(saved.setting.get("policy"), SingleThreshold) else float(fraction)


def _is(policy: Any, kind: type) -> bool:
    try:
        return issubclass(POLICIES.find(str(policy)), kind)
    except WeeError:  # the plug-in is not on the path, where a page is made elsewhere
        return False


def _ends(interval: Interval, width: Any, quantile: float | None) -> tuple[float | None, float | None]:
    """Return the quantiles of the validation confidences at which a window begins and ends."""
    if quantile is not None:
        return 0.0, quantile
    if width is None or interval.rank is None:
        return None, None
    if not isinstance(width, float):  # every sample goes on
        return 0.0, 1.0
    return max(interval.rank - width / 2, 0.0), min(interval.rank + width / 2, 1.0)
