"""Times of contenders on a clock that only networks and rules move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.helpers.clocks import FakeClock, Slow
from wee.cascade.latency import (
    RANDOM,
    TRAINED,
    Contender,
    TimedNetwork,
    TimingPlan,
    added_times,
    exit_costs,
    measure,
    standardise,
    total_images,
)
from wee.costs.latency import Conditions
from wee.method import FixedRule, Interval, IntervalRule, Random, Rule
from wee.models.msdnet import MSDNet
from wee.sweep.times import NETWORK, SETTING, SETTING_KEYS, TimedRow

PLAN = TimingPlan([1, 8], images=40, rounds=5, warmup=3, seed=0, where=Conditions())


def part(
    network: nn.Module, scale: str = "a", exit: int | None = None, size: int = 4, weights: str = RANDOM
) -> TimedNetwork:
    return TimedNetwork("toy", "made", scale, network.eval(), exit, size, 1, {"model": scale}, weights)


def contender(parts: list[TimedNetwork], rule: Rule, reaching: list[float], **changes: Any) -> Contender:
    scale = ">".join(dict.fromkeys(one.scale for one in parts))
    names = {"dataset": "toy", "family": "made", "scale": scale, "size": len(parts), "policy": f"of {len(parts)}"}
    columns = {**dict.fromkeys(SETTING_KEYS), "subject": SETTING, "name": "sweep", **names}
    return Contender(columns, parts, rule, reaching, **changes)


class Ticking(IntervalRule):
    """A rule that takes a second for each decision."""

    clock: FakeClock

    def goes_on(self, stage: int, scores: Mapping[str, Any], ids: Any = None) -> Any:
        self.clock.now += 1.0
        return super().goes_on(stage, scores, ids)


def rows_of(contenders: list[Contender], clock: FakeClock, plan: TimingPlan = PLAN) -> list[TimedRow]:
    done: list[int] = []
    rows = measure(contenders, plan, "key", clock, done.append)
    # The forward passes of contenders are timed once more, without anything else.
    counted = sum(row.images * (1 if row.subject == NETWORK else 2) for row in rows)
    assert sum(done) == total_images(contenders, plan) == counted
    return rows


def test_ideal_and_efficiency_of_single_models_ensembles_and_cascades() -> None:
    clock = FakeClock()
    a, b = Slow(clock, 2.0), Slow(clock, 10.0)
    rule = Ticking("msp", [Interval(0.0, 1.0)])
    type(rule).clock = clock
    contenders = [
        contender([part(a)], FixedRule(0), [1.0]),
        contender([part(a), part(b, "b")], FixedRule(1), [1.0, 1.0]),
        contender([part(a, weights=TRAINED), part(b, "b", weights=TRAINED)], rule, [1.0, 0.25], orders=2),
    ]
    rows = rows_of(contenders, clock)
    assert [(row.subject, row.scale, row.batch) for row in rows] == [
        (subject, scale, batch)
        for batch in (1, 8)
        for subject, scale in ((NETWORK, "a"), (NETWORK, "b"), (SETTING, "a"), (SETTING, "a>b"), (SETTING, "a>b"))
    ]
    for batch in (1, 8):
        network_a, network_b, single, ensemble, cascade = (row for row in rows if row.batch == batch)
        assert (network_a.mean, network_b.mean, single.mean, ensemble.mean) == (2, 10, 2, 12)
        for row in (network_a, network_b, single, ensemble):
            assert row.ideal == pytest.approx(row.mean)
            assert [row.efficiency, row.efficiency_median, row.passes_share] == pytest.approx([1.0] * 3)
        assert cascade.reaching == (1.0, 0.25)
        assert cascade.ideal == pytest.approx(2 + 0.25 * 10)
        assert cascade.mean == pytest.approx(4.5 + 1 / batch)  # the rule takes a second for each batch
        assert cascade.efficiency == pytest.approx(4.5 / (4.5 + 1 / batch))
        assert cascade.passes == pytest.approx(4.5)
        assert cascade.passes_share == pytest.approx(4.5 / (4.5 + 1 / batch), rel=0.2)
        assert cascade.throughput == pytest.approx(1 / cascade.mean)
        assert (cascade.images, cascade.orders, cascade.weights, single.weights) == (40, 2, TRAINED, RANDOM)
    assert (cascade.lower, cascade.upper) != (cascade.median, cascade.median)
    costs = exit_costs(rows, part(b, "b"), 8)
    assert costs == [10.0]
    assert a.images >= 40 + 3  # timed and warmed up


def test_the_median_of_rounds_uses_the_share_of_each_round() -> None:
    clock = FakeClock()
    a, b = Slow(clock, 1.0), Slow(clock, 1.0)
    rule = IntervalRule("msp", [Interval(0.0, 1.0)])
    plan = TimingPlan([1], images=40, rounds=5, warmup=0, seed=0, where=Conditions())
    rows = rows_of([contender([part(a), part(b)], rule, [1.0, 0.3])], clock, plan)
    assert rows[-1].efficiency == pytest.approx(1.0)
    assert rows[-1].efficiency_median == pytest.approx(1.0)


def test_networks_of_several_input_sizes_and_rules_that_read_ids_run() -> None:
    seen: list[tuple[int, ...]] = []

    class Network(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(images.shape))
            assert images.is_contiguous(memory_format=torch.channels_last)
            return images.mean((2, 3)) * torch.arange(3.0)

    parts = [part(Network()), part(Network(), "b", size=6)]
    plan = TimingPlan([4], images=8, rounds=2, warmup=0, seed=0, where=Conditions())
    rows = measure([contender(parts, Random(0.5), [1.0, 0.5])], plan, "key")
    assert rows[-1].reaching == (1.0, 0.5)
    assert sum(shape[0] for shape in seen if shape[2] == 6) == 2 * (
        8 + 4 + 4
    )  # alone, in the cascade, and its passes; once untimed


def test_exits_continue_and_their_ideal_is_the_time_since_the_exit_before() -> None:
    network = MSDNet(4, 1, blocks=3, base=1, step=1, channels=4, growth=4, scale_factors=[1, 2], stem="small")
    exits = [part(network, exit=number, size=12) for number in (1, 3)]
    assert added_times(exits, [2.0, 5.0]) == [2.0, 3.0]
    assert added_times([part(network), part(nn.Identity(), "b")], [2.0, 5.0]) == [2.0, 5.0]
    arrays = added_times(exits, [np.array([1.0, 2.0]), np.array([3.0, 3.0])])
    assert [array.tolist() for array in arrays] == [[1, 2], [2, 1]]
    rule = IntervalRule("msp", [Interval(0.0, 1.0)])
    alone = contender([exits[1]], FixedRule(0), [1.0])
    plan = TimingPlan([2], images=8, rounds=2, warmup=0, seed=0, where=Conditions())
    rows = measure([contender(exits, rule, [1.0, 0.5], combine="replace"), alone], plan, "key")
    assert [(row.subject, row.exits) for row in rows[:3]] == [(NETWORK, "1"), (NETWORK, "2"), (NETWORK, "3")]
    one, _, three, cascade, single = rows
    assert cascade.ideal == pytest.approx(one.mean + 0.5 * (three.mean - one.mean))
    assert single.ideal == pytest.approx(three.mean)
    assert cascade.passes > 0
    costs = exit_costs(rows, exits[0], 2)
    assert len(costs) == 3
    assert costs == sorted(costs)


def test_activations_of_networks_with_random_weights_are_in_the_usual_range() -> None:
    torch.manual_seed(0)
    layers = [layer for _ in range(12) for layer in (nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU())]
    network = nn.Sequential(*layers)
    for layer in layers[::3]:
        layer.weight.data.mul_(0.1)
    images = torch.randn(8, 4, 6, 6)
    assert network.eval()(images).std() < 0.1
    standardise(network, 6, 4)
    assert not any(module.training for module in network.modules())
    assert 0.5 < network(images).std() < 2
    assert {layer.momentum for layer in layers[1::3]} == {0.1}
