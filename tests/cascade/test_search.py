"""The search of settings: what is found, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from wee.cascade.search import Choice, Material, Network, reaching, search, within_budget
from wee.errors import WeeError
from wee.method import IntervalRule, Summary, Task, summarise

COV = Task.parse("cov@20")


@pytest.fixture(scope="module")
def material() -> Material:
    """Three networks of increasing cost and accuracy."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=400)
    noise = rng.normal(size=(3, 400, 4))
    logits = [(noise[k] + (1.0 + 0.5 * k) * np.eye(4)[labels]).astype(np.float32) for k in range(3)]
    sets = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    summaries = summarise(logits, labels, sets, ["msp"])
    networks = [Network(float(4**k), ("made", f"s{k}", 0)) for k in range(3)]
    ids = np.array([str(k) for k in range(400)], dtype=np.bytes_)

    def summary(members: tuple[int, ...]) -> Summary:
        return summaries[members]

    return Material(networks, exits=False, replaces=False, summary=summary, ids=ids)


def test_no_setting_of_the_front_is_beaten(material: Material) -> None:
    evaluated = []
    front = search(material, COV, "msp", sizes=3, done=evaluated.append)
    assert sum(evaluated) > 100
    costs, values = [choice.cost for choice in front], [choice.value for choice in front]
    assert costs == sorted(costs)
    assert values == sorted(values)
    assert len(set(costs)) == len(costs)
    singles = search(material, COV, "msp", sizes=1)
    assert all(len(choice.lineup) == 1 for choice in singles)
    for single in singles:
        assert any(choice.cost <= single.cost and choice.value >= single.value for choice in front)
    assert any(len(choice.lineup) > 1 for choice in front)


def test_the_numbers_of_a_choice_are_those_of_its_rule(material: Material) -> None:
    for choice in search(material, COV, "msp", sizes=3):
        stages = material.stages(choice.lineup)
        outcome = stages.at(choice.rule(stages))
        assert outcome.mean_cost == choice.cost
        assert len(choice.rule.intervals) == len(choice.lineup) - 1


def test_followers(material: Material) -> None:
    assert list(material.followers((0,))) == [1, 2]
    assert list(material.followers((1,))) == [2]  # a cheaper network does not run after a more expensive one
    exits = [Network(float(k + 1), ("made", "m", k // 2)) for k in range(4)]
    multi_exit = Material(exits, exits=True, replaces=True, summary=material.summary, ids=material.ids)
    assert list(multi_exit.followers((0,))) == [1]
    assert list(multi_exit.followers((1,))) == []


def test_choosing() -> None:
    rule = IntervalRule("msp", [])
    front = [Choice((0,), rule, 1.0, 40.0), Choice((1,), rule, 2.0, 50.0), Choice((2,), rule, 4.0, 60.0)]
    assert within_budget(front, COV, 3.0, "MACs").lineup == (1,)
    assert reaching(front, COV, 45).lineup == (1,)
    with pytest.raises(WeeError, match=r"nothing costs at most 0.5 MACs: the cheapest setting costs 1 MACs"):
        within_budget(front, COV, 0.5, "MACs")
    with pytest.raises(WeeError, match=r"no setting reaches cov@20 = 70 % .* the best has 60.00 %"):
        reaching(front, COV, 70)
    assert within_budget([Choice((0, 1), rule, 0.1 + 0.2, 40.0)], COV, 0.3, "MACs").lineup == (0, 1)
    risk = Task.parse("risk@80")
    assert within_budget(front, risk, 5, "MACs").lineup == (0,)
    assert reaching(front, risk, 55).lineup == (0,)


def test_long_cascades_are_made_of_good_ones_too(material: Material) -> None:
    """The beam is spread over the front: with it or without, the best cascade of three stages is as good."""
    import wee.cascade.search as module

    kept = module._spread([Choice((k,), IntervalRule("msp", []), float(k), float(k)) for k in range(100)])
    assert len(kept) == module.BEAM
    assert (kept[0].cost, kept[-1].cost) == (0.0, 99.0)
    front = search(material, COV, "msp", sizes=3)
    pairs = search(material, COV, "msp", sizes=2)
    assert max(choice.value for choice in front) >= max(choice.value for choice in pairs)
