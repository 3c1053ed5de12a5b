"""The numbers of the paper authors' own code, reproduced from logits; see tests/golden/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wee.method import (
    NO_LABEL,
    Ensemble,
    Interval,
    IntervalRule,
    Metric,
    Outcome,
    Policy,
    RankedOutcome,
    Single,
    SingleThreshold,
    Stages,
    Task,
    Window,
    summarise,
)

GOLDEN = Path(__file__).parents[1] / "golden"
SCORES = ("msp", "entropy", "max_logit", "energy", "mean_msp", "mean_entropy")


OOD = ("near_ood", "far_ood")


def cases(name: str) -> list[Any]:
    """All cases, with ids that read well in a report."""
    found = []
    for case in json.loads((GOLDEN / f"{name}.json").read_text())["cases"]:
        label = [case["policy"], case.get("score"), case.get("task"), case.get("exits"), case.get("widths")]
        found.append(pytest.param(case, id="-".join(str(part) for part in label if part is not None)))
    return found


@pytest.fixture(scope="module")
def ensemble() -> dict[str, Stages]:
    """Two members, averaged."""
    arrays = np.load(GOLDEN / "ensemble.npz")
    macs = json.loads((GOLDEN / "ensemble.json").read_text())["macs"]
    splits = {}
    for split in ("val", "test", *OOD):
        logits = arrays[f"{split}_logits"]
        labels = np.full(logits.shape[1], NO_LABEL) if split in OOD else arrays[f"{split}_labels"]
        summaries = summarise(list(arrays[f"{split}_logits"]), labels, [(0,), (0, 1)], SCORES)
        splits[split] = Stages(
            [summaries[0,], summaries[0, 1]], np.cumsum(macs).tolist(), np.arange(len(labels)).astype("S")
        )
    return splits


@pytest.fixture(scope="module")
def exits() -> dict[str, Any]:
    """Five exits of one network, each on its own."""
    arrays = np.load(GOLDEN / "multi_exit.npz")
    alone = [(k,) for k in range(5)]
    splits: dict[str, Any] = {"macs": json.loads((GOLDEN / "multi_exit.json").read_text())["macs"]}
    for split in ("val", "test"):
        splits[split] = summarise(list(arrays[f"{split}_logits"]), arrays[f"{split}_labels"], alone, SCORES)
    return splits


def check_id(outcome: Outcome, expected: dict[str, Any]) -> None:
    """Every number about the ID test set."""
    assert outcome.cost.mean() == pytest.approx(expected["macs"], rel=1e-6)
    for name in ("top1_error", "top5_error", "nll"):
        assert Metric.parse(name).of_outcome(outcome) == pytest.approx(expected[name], rel=1e-6, abs=1e-4), name
    compared = 0
    for name in ("aurc", "cov@5", "cov@10", "risk@50", "risk@80"):
        metric = Metric.parse(name)
        for score, value in expected[name].items():
            tolerance = 1e-4 if metric.percent else 1e-6
            assert metric.of_ranking(RankedOutcome(outcome, score)) == pytest.approx(value, abs=tolerance), (
                name,
                score,
            )
            compared += 1
    assert compared >= 20


def check_ood(outcome: Outcome, ood: Outcome, expected: dict[str, Any]) -> None:
    """Every number about an OOD set: detection, and SCOD."""
    compared = 0
    blocks = {name: expected[name] for name in ("auroc", "fpr@95", "fpr@80")} | expected["scod"]
    for name, by_score in blocks.items():
        metric = Metric.parse(name)
        for score, value in by_score.items():
            found = metric.of_ranking(RankedOutcome(outcome, score, ood))
            assert found == pytest.approx(value, abs=1e-4 if metric.percent else 1e-6), (name, score)
            compared += 1
    assert compared == 6 * 6


@pytest.mark.parametrize("case", cases("ensemble"))
def test_ensemble(ensemble: dict[str, Stages], case: dict[str, Any]) -> None:
    """Policies single, ensemble, single threshold and window over two members."""
    policies: dict[str, Any] = {"single_model": lambda: Single(), "ensemble": lambda: Ensemble()}
    policies["single_threshold"] = lambda: SingleThreshold(case["pass_on_fraction"], case["score"])
    policies["window"] = lambda: Window(Task.parse(case["task"]), case["width"], case["score"])
    policy: Policy = policies[case["policy"]]()
    rule = policy.fit(ensemble["val"])
    if case["policy"] == "single_threshold":
        assert isinstance(rule, IntervalRule)
        assert rule.intervals[0].high == pytest.approx(case["threshold"], rel=1e-6)
    if case["policy"] == "window":
        assert isinstance(rule, IntervalRule)
        (interval,) = rule.intervals
        if case["task"].startswith("fpr"):  # the authors read tau off a curve with random points in it
            assert interval.rank == pytest.approx(case["tau_quantile"], abs=0.002)
            rule = IntervalRule(case["score"], [Interval(*case["window"], case["tau"])])
        else:
            assert interval.tau == pytest.approx(case["tau"], rel=1e-6)
            assert interval.rank == pytest.approx(case["tau_quantile"], rel=1e-6)
            assert [interval.low, interval.high] == pytest.approx(case["window"], rel=1e-6)
    outcome = ensemble["test"].at(rule(ensemble["test"]))
    check_id(outcome, case["result"]["id"])
    for name in OOD:
        expected = case["result"][name]
        ood = ensemble[name].at(rule(ensemble[name]))
        assert ood.cost.mean() == pytest.approx(expected["macs"], rel=1e-6)
        check_ood(outcome, ood, expected)
        if case["policy"] == "window":
            assert isinstance(policy, Window)
            assert isinstance(rule, IntervalRule)
            adjusted = policy.adjust(rule, ensemble["test"], ensemble[name])
            moved = [ensemble[split].at(adjusted(ensemble[split])) for split in ("test", name)]
            assert moved[0].cost.mean() == pytest.approx(expected["adjusted"]["id_macs"], rel=1e-6)
            assert moved[1].cost.mean() == pytest.approx(expected["adjusted"]["ood_macs"], rel=1e-6)
            check_ood(moved[0], moved[1], expected["adjusted"])


@pytest.mark.parametrize("case", cases("multi_exit"))
def test_multi_exit(exits: dict[str, Any], case: dict[str, Any]) -> None:
    """Cascades of two and three exits, where a later exit replaces the output."""
    val, test = (
        Stages([exits[split][k,] for k in case["exits"]], [exits["macs"][k] for k in case["exits"]], ids.astype("S"))
        for split, ids in (("val", np.arange(len(exits["val"][0,]))), ("test", np.arange(len(exits["test"][0,]))))
    )
    if case["policy"] == "window":
        rule = Window(Task.parse(case["task"]), case["widths"], case["score"]).fit(val)
        assert [i.tau for i in rule.intervals] == pytest.approx(case["tau"], rel=1e-6)
        for interval, width, golden in zip(rule.intervals, case["widths"], case["windows"], strict=True):
            if width > 0:
                assert [interval.low, interval.high] == pytest.approx(golden, rel=1e-6)
    else:
        rule = SingleThreshold(case["pass_on_fraction"], case["score"]).fit(val)
    check_id(test.at(rule(test)), case["result"]["id"])
