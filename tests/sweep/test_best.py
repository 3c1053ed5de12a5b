"""The best setting within a budget: chosen on validation, reported on test."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from tests.helpers.sweeps import SPLITS, plan, pool, small
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.method import Metric
from wee.store import LogitStore
from wee.sweep.best import BEST, best_cascade, best_settings, best_summary, policy_name, priced, valued
from wee.sweep.config import BootstrapConfig, TaskConfig
from wee.sweep.differences import averages
from wee.sweep.fronts import averaged, fronts
from wee.sweep.rows import FRONT
from wee.sweep.run import Result, compute


@pytest.fixture(scope="module")
def result(store: LogitStore) -> Result:
    """A sweep of two scales with every policy, an OOD set and intervals."""
    result = Result()
    for scale in ("s1", "s2"):
        settings = plan(ood=["far"], task=TaskConfig(["cov@20", "fpr@95"], ["accuracy", "auroc"]), bootstrap=RESAMPLED)
        result.extend(compute(pool(store, scale, splits=SPLITS), settings))
    return result


RESAMPLED = BootstrapConfig(20, 0.9)


@pytest.fixture(scope="module")
def table(result: Result) -> pd.DataFrame:
    return result.table()


def test_the_best_is_chosen_on_validation_and_reported_on_test(table: pd.DataFrame) -> None:
    points = averaged(table)
    points = points[(points.metric == "cov@20") & (points.task.isna() | (points.task == "cov@20"))]
    for budget in (1.5e6, 4e6, None):
        fitting = points if budget is None else points[points.price_val <= budget]
        best = best_settings(table, "cov@20", budget)
        assert list(best.columns) == BEST
        assert best.value_val.is_monotonic_decreasing
        assert best.value_val.iloc[0] == fitting.value_val.max()
        assert set(best.policy) == set(fitting.policy)
        assert best.set_index("policy").settings.to_dict() == fitting.policy.value_counts().to_dict()
        for _, row in best.iterrows():
            of_policy = fitting[fitting.policy == row.policy]
            assert row.value_val == of_policy.value_val.max()
            same = of_policy[(of_policy.value == row.value) & (of_policy.price == row.price)]
            assert row.price_val in set(same.price_val)


def test_the_test_set_chooses_nothing(table: pd.DataFrame) -> None:
    """With other test values, the same settings are chosen, in the same order."""
    changed = table.assign(value=table.value.where(table.split != str(TEST), 100 - table.value))
    best, other = (best_settings(rows, "cov@20", 4e6) for rows in (table, changed))
    assert best[FRONT].equals(other[FRONT])
    assert not best.value.equals(other.value)


def test_the_best_is_on_the_front_of_its_policy(table: pd.DataFrame) -> None:
    front = fronts(table)
    best = best_settings(table, "cov@20", 4e6).iloc[0]
    points = front[(front.metric == "cov@20") & (front.policy == best.policy) & (front.eval_score == best.eval_score)]
    assert best.value in set(points.value)


def test_lower_is_better_and_the_cheaper_of_equals_is_chosen() -> None:
    kept = {"dataset": "d", "family": "f", "cost": "macs", "metric": "risk@50", "eval_score": "msp", "policy": "single"}
    rest = dict.fromkeys(("score", "task", "exits", "width", "fraction", "parameters", "ood", "ood_share"))
    rows = [
        {**kept, **rest, "adjusted": False, "size": 1, "scale": scale, "split": split, "price": price, "value": value}
        for scale, price, values in (("s3", 3.0, (7.0, 1.0)), ("s2", 2.0, (7.0, 8.0)), ("s1", 1.0, (9.0, 0.0)))
        for split, value in zip(("val", "test"), values, strict=True)
    ]
    best = best_settings(pd.DataFrame(rows), "risk@50").iloc[0]
    assert (best.scale, best.value_val, best.value) == ("s2", 7.0, 8.0)


def test_intervals_are_those_of_the_mean(result: Result, table: pd.DataFrame) -> None:
    means = averages(table, result, RESAMPLED.level).assign(level=RESAMPLED.level)
    best = best_settings(table, "cov@20", 4e6, means).iloc[0]
    assert best.lower <= best.upper
    assert (best.level, best.seeds) == (0.9, 0)
    fitting = means[(means.split == "test") & (means.lower == best.lower) & (means.upper == best.upper)]
    assert best.value == pytest.approx(fitting.value.iloc[0])
    assert best_settings(table, "cov@20", 4e6).lower.isna().all()
    # The interval of other members, which have another mean, is not taken.
    assert best_settings(table, "cov@20", 4e6, means.assign(value=means.value + 1)).lower.isna().all()


def test_the_cascade_of_a_setting_is_chosen_on_validation_too(table: pd.DataFrame) -> None:
    for _, best in best_settings(table, "cov@20", 4e6).iterrows():
        on_val, on_test = best_cascade(table, best, 4e6)
        assert (on_val.split, on_test.split) == (str(VAL), str(TEST))
        assert on_val.members == on_test.members
        alike = table[(table.split == "val") & (table.price <= 4e6)]
        for name in FRONT:
            alike = alike[alike[name].isna() if pd.isna(best[name]) else alike[name] == best[name]]
        assert on_val.value == alike.value.max()
        assert on_val.members in set(alike.members)
        assert on_val.price <= 4e6


def test_nothing_within_the_budget_names_the_cheapest(table: pd.DataFrame) -> None:
    single = table[(table.policy == "single") & (table.scale == "s1") & (table.split == "val")]
    value = single[(single.metric == "cov@20") & (single.eval_score == "msp")].value.mean()
    with pytest.raises(WeeError) as error:
        best_settings(table, "cov@20", 9e5)
    words = "settings costs at most 900 k MACs on the validation set: the cheapest, single at s1, costs 1 M MACs and has cov@20"
    assert re.search(rf"none of \d+ {words} = {value:.2f} there", str(error.value))
    enough = float(str(error.value).split("a budget of ")[1].split()[0])
    assert set(best_settings(table, "cov@20", enough).scale) == {"s1"}


def test_a_budget_that_is_enough_is_rounded_up(table: pd.DataFrame) -> None:
    dearer = table.assign(price=table.price + 1234.5)
    with pytest.raises(WeeError, match=r"a budget of 1.01e\+06 is enough"):
        best_settings(dearer, "cov@20", 1.0)
    assert len(best_settings(dearer, "cov@20", 1.01e6))


def test_the_rounding_of_means_costs_no_setting(table: pd.DataFrame) -> None:
    """The mean of 0.1 and 0.2 is a little above 0.15."""
    single = table[table.policy == "single"].sort_values("members", kind="stable")
    prices = [0.1, 0.2]
    shown = [prices[int(members)] for members in single.members]
    assert sum(prices) / 2 > 0.15
    best = best_settings(single.assign(price=shown), "cov@20", 0.15)
    on_val, _ = best_cascade(single.assign(price=shown), best.iloc[0], 0.1)
    assert (best.price_val.iloc[0], on_val.price) == (sum(prices) / 2, 0.1)


@pytest.mark.parametrize("budget", [0, -1.0, float("nan"), "20e6"])
def test_a_budget_is_a_number_above_0(table: pd.DataFrame, budget: Any) -> None:
    with pytest.raises(WeeError, match=f"budget is {budget!r}: it is a number above 0"):
        best_settings(table, "cov@20", budget)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("auroc", "auroc: it needs OOD data, which the validation set does not contain"),
        ("fpr@95", "fpr@95: it needs OOD data"),
        ("deployed_risk@20", "deployed_risk@20: it is fixed on the validation set"),
        ("cov@5", "there is no metric in these sweeps 'cov@5'"),
        ("nosuch", "nosuch"),
    ],
)
def test_what_cannot_be_chosen_by_is_refused(table: pd.DataFrame, metric: str, message: str) -> None:
    with pytest.raises(WeeError, match=re.escape(message)):
        best_settings(table, metric)


@pytest.mark.parametrize("column", ["dataset", "cost"])
def test_what_cannot_be_compared_is_refused(table: pd.DataFrame, column: str) -> None:
    mixed = pd.concat([table, table.assign(**{column: "other"})])
    with pytest.raises(WeeError, match=f"several values of {column}, .* and other"):
        best_settings(mixed, "cov@20")


def test_metrics_that_are_no_tasks_compare_the_windows_of_all_tasks(table: pd.DataFrame) -> None:
    best = best_settings(table, "accuracy", 4e6).set_index("policy")
    assert best.eval_score.isna().all()
    windows = table[(table.policy == "window") & (table.metric == "accuracy") & (table.split == "val")]
    assert windows.task.nunique() == 2
    assert best.settings["window"] == sum(
        rows.price.mean() <= 4e6 for _, rows in windows.groupby(["scale", "width", "task", "score"])
    )


def cells(best: pd.DataFrame, budget: float | None = None) -> tuple[list[str], list[tuple[str, ...]], str]:
    """The heads, the rows and the other text of a printed table."""
    shown = best_summary(best, budget)
    columns = [list(column.cells) for column in shown.columns]
    rows = [tuple(map(str, row)) for row in zip(*columns, strict=True)]
    return [str(column.header) for column in shown.columns], rows, f"{shown.title}\n{shown.caption}"


def test_the_printed_table_has_both_splits(result: Result, table: pd.DataFrame) -> None:
    means = averages(table, result, RESAMPLED.level).assign(level=RESAMPLED.level)
    best = best_settings(table, "cov@20", 4e6, means)
    heads, rows, text = cells(best, 4e6)
    assert heads[:2] == ["policy", "scale"]
    assert heads[-5:] == ["MACs\nval", "cov@20 ↑\nval", "MACs\ntest", "cov@20 ↑\ntest", "settings\nthat fit"]
    first = best.iloc[0]
    assert rows[0][0] == policy_name(first)
    assert rows[0][-4] == f"{first.value_val:.2f}"
    assert rows[0][-2] == f"{first.value:.2f} [{first.lower:.2f}, {first.upper:.2f}]"
    assert "at most 4 M MACs" in text
    assert "90 % bootstrap interval over test samples, seed noise not included" in text
    assert "ranked by" in heads  # energy ranks some of the results, and msp decides
    without = cells(best_settings(table, "cov@20"))
    assert "no intervals: sweep with bootstrap.resamples=1000" in without[2]
    assert "at most" not in without[2]


def test_columns_that_tell_nothing_apart_are_left_out(store: LogitStore) -> None:
    table = compute(pool(store, "s1"), small()).table()
    heads, _, _ = cells(best_settings(table, "cov@20"))
    assert heads[:3] == ["policy", "scale", "MACs\nval"]


def test_the_heading_of_a_given_cost_has_its_unit(table: pd.DataFrame) -> None:
    best = best_settings(table[table.score.isna() | (table.score == "msp")].assign(cost="energy_mj"), "accuracy")
    heads, _, text = cells(best, 4.0)
    assert heads == [
        "policy", "scale", "energy (mJ)\nval", "accuracy ↑\nval", "energy (mJ)\ntest", "accuracy ↑\ntest", "settings\nthat fit",
    ]  # fmt: skip
    assert "at most 4 mJ" in text


def test_numbers_are_written_with_their_units() -> None:
    assert priced("macs", 1.2e6) == "1.2 M MACs"
    assert priced("macs", 1.2e6, bare=True) == "1.2 M"
    assert priced("mine:Energy", 3.0) == "3 mine:Energy"
    assert valued(Metric.parse("cov@5"), 61.234, 60.0, 62.5) == "61.23 [60.00, 62.50]"
    assert valued(Metric.parse("aurc"), 0.01234567) == "0.01235"
