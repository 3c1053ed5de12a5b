"""Where windows lie, in shares of the validation samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wee.explore.windows import explain_rule, rules_of, stage_windows
from wee.method.policies import FixedRule, Interval, IntervalRule, Random, Role
from wee.sweep.rules import LineupMember, SavedRule


def saved(rule: Any, count: int = 2, **setting: Any) -> SavedRule:
    columns = {"policy": "window", "width": None, "fraction": None, **setting}
    lineup = [LineupMember("f", "s", member, None, None) for member in range(count)]
    return SavedRule(columns, lineup, Role.CASCADE, "average", rule)


@pytest.mark.parametrize(
    ("rank", "width", "ends"),
    [(0.5, 0.2, (0.4, 0.6)), (0.05, 0.2, (0.0, 0.15)), (0.95, 0.5, (0.7, 1.0)), (0.3, "all", (0, 1)), (0.3, 0.0, (0.3, 0.3))],
)  # fmt: skip
def test_a_window_lies_around_the_rank_of_its_threshold(rank: float, width: Any, ends: tuple[float, float]) -> None:
    record = saved(IntervalRule("msp", [Interval(0.1, 0.2, 0.15, rank)]), width=width)
    (window,) = stage_windows(record, record.rule)
    assert (window.start, window.end) == pytest.approx(ends)
    assert (window.low, window.high, window.tau, window.rank) == (0.1, 0.2, 0.15, rank)


def test_each_stage_has_its_own_width() -> None:
    rule = IntervalRule("msp", [Interval(0, 1, 0.5, 0.5), Interval(0, 1, 0.5, 0.5)])
    record = saved(rule, 3, width="0.4+0.2")
    windows = stage_windows(record, rule)
    assert [(window.start, window.end) for window in windows] == [pytest.approx((0.3, 0.7)), pytest.approx((0.4, 0.6))]


def test_a_single_threshold_reaches_up_to_its_quantile() -> None:
    record = saved(IntervalRule("msp", [Interval(-np.inf, 0.7)]), policy="threshold", fraction=0.35)
    (window,) = stage_windows(record, record.rule)
    assert (window.start, window.end, window.tau) == (0.0, 0.35, None)
    assert window.to_dict() == {"low": "-inf", "high": 0.7, "start": 0.0, "end": 0.35}


def test_intervals_of_a_policy_that_is_not_known_have_no_quantiles() -> None:
    record = saved(IntervalRule("msp", [Interval(0.1, 0.7)]), policy="nowhere_to_be_found:Mine", fraction=0.35)
    (window,) = stage_windows(record, record.rule)
    assert window.to_dict() == {"low": 0.1, "high": 0.7}


def test_rules_without_windows_are_told_in_words() -> None:
    assert explain_rule(saved(FixedRule(0), 1)) == "There is one network, and no window."
    assert explain_rule(saved(FixedRule(0), 2)) == "All 2 networks run on every sample."
    assert "probability of 0.3" in explain_rule(saved(Random(0.3)))
    assert stage_windows(saved(Random(0.3)), Random(0.3)) == []
    assert explain_rule(saved(IntervalRule("msp", [Interval(0, 1)]))) == ""
    assert "was not saved" in explain_rule(saved(None))


def test_a_certified_system_has_windows_of_its_own() -> None:
    tuned = saved(IntervalRule("msp", [Interval(0.1, 0.2, 0.15, 0.5)]), width=0.2)
    record = saved(IntervalRule("msp", [Interval(0.3, 0.4, 0.35, 0.6)]), width=0.2).with_certified(tuned)
    record = record.with_adjusted("far", IntervalRule("msp", [Interval(0.5, 0.6, 0.35, 0.7)]))
    lows = {name: stage_windows(of, rule)[0].low for name, of, rule in rules_of(record)}
    assert lows == {"": 0.3, "ood:far": 0.5, "tuning": 0.1}
