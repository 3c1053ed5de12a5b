"""Rules that send on what a schedule says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wee.cascade.module import Cascade
from wee.cascade.schedule import ScheduledRule, draw_exits, shares_reaching
from wee.errors import WeeError
from wee.method import Interval, IntervalRule, Random


@given(st.lists(st.floats(0, 1), max_size=4), st.integers(1, 300), st.integers(0, 5))
def test_the_shares_are_those_asked_for_to_within_one_sample(shares: list[float], count: int, seed: int) -> None:
    reaching = [1.0, *sorted(shares, reverse=True)]
    exits = draw_exits(reaching, count, seed)
    assert exits.shape == (count,)
    assert np.abs(shares_reaching(exits, len(reaching)) - reaching).max() <= 0.5 / count + 1e-12
    assert (draw_exits(reaching, count, seed) == exits).all()


def test_the_order_is_random_and_depends_on_the_seed() -> None:
    exits = draw_exits([1.0, 0.5], 100, 0)
    assert 0 < exits[:50].sum() < 50
    assert (draw_exits([1.0, 0.5], 100, 1) != exits).any()


@pytest.mark.parametrize("reaching", [[0.9, 0.1], [1.0, 0.2, 0.3], [1.0, -0.1]])
def test_shares_that_cannot_be_are_refused(reaching: list[float]) -> None:
    with pytest.raises(WeeError, match="must begin with 1 and not increase"):
        draw_exits(reaching, 10, 0)


class Watched(IntervalRule):
    """A rule that notes what it is asked."""

    def goes_on(self, stage: int, scores: Mapping[str, Any], ids: Any = None) -> Any:
        decision = super().goes_on(stage, scores, ids)
        asked.append((stage, len(decision)))
        return decision


asked: list[tuple[int, int]] = []


def test_the_rule_decides_and_the_schedule_sends_on() -> None:
    asked.clear()
    exits = np.array([[0, 1, 2, 2, 0, 1], [0, 0, 0, 0, 0, 0], [2, 2, 2, 2, 2, 2]])
    rule = ScheduledRule(Watched("msp", [Interval(0.0, 1.0), Interval(2.0, 3.0)]), exits)
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(4, 3)) for _ in range(3)]
    cascade = Cascade(networks, rule, acceptance=0.5)
    for batch, leaving in enumerate(exits):
        rule.batch = batch
        assert cascade(torch.randn(6, 1, 2, 2)).stage.tolist() == leaving.tolist()
    assert asked == [(0, 6), (1, 4), (0, 6), (0, 6), (1, 6)]


def test_a_rule_for_another_number_of_stages_is_refused() -> None:
    rule = ScheduledRule(IntervalRule("msp", [Interval(0.0, 1.0)]), np.zeros((1, 2), np.int64))
    with pytest.raises(WeeError, match="a cascade of 3 stages needs 2 windows"):
        Cascade([nn.Identity()] * 3, rule)
    assert not rule.reads_ids
    assert ScheduledRule(Random(0.5), np.zeros((1, 2), np.int64)).reads_ids
