"""The tables that a sweep prints."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from tests.helpers.sweeps import SPLITS, pool, small
from wee.data.splits import SplitName
from wee.method import Metric, Task
from wee.store import LogitStore
from wee.sweep.config import BootstrapConfig, TaskConfig, WindowConfig
from wee.sweep.differences import differences
from wee.sweep.run import Result, compute
from wee.sweep.summary import certified_summary, deployed_summary, differences_summary, summary
from wee.units import si

FOGS = [SplitName.shifted("fog-1"), SplitName.shifted("fog-5")]
TASKS = [Task.parse("cov@20")]
LEVEL = 0.9


def cells(shown: Table) -> list[list[str]]:
    """The cells of a table, line by line."""
    return [list(line) for line in zip(*(column.cells for column in shown.columns), strict=True)]


def heads(shown: Table) -> list[str]:
    return [str(column.header) for column in shown.columns]


@pytest.fixture(scope="module")
def shifted(store: LogitStore) -> pd.DataFrame:
    """Rows of single models on two shifted sets: of 100 samples of the first 90 are accepted, of 300 of the second 3."""
    table = compute(pool(store, "s1"), small()).table()
    rows = table.query("split == 'test' and policy == 'single' and metric.str.startswith('deployed_')").copy()
    parts = []
    for split, samples, coverage, risk in ((FOGS[0], 100, 90.0, 10.0), (FOGS[1], 300, 1.0, 100.0)):
        part = rows.assign(split=str(split), samples=samples)
        part["value"] = np.where(part.metric == "deployed_cov@20", coverage, risk)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_deployed_systems_are_pooled_over_shifted_sets(shifted: pd.DataFrame) -> None:
    """Of 400 samples 93 are accepted, and 9 + 3 of them are wrong; means would be 45.5 and 55 per cent."""
    shown = deployed_summary(shifted, TASKS, FOGS)
    assert [line[-1] for line in cells(shown)] == [f"{100 * 93 / 400:.2f} / {100 * 12 / 93:.2f}"]
    assert "pooled over sets, members and orders" in str(shown.caption)
    assert "table.csv has each set" in str(shown.caption)


def test_a_set_of_which_nothing_is_accepted_has_no_weight(shifted: pd.DataFrame) -> None:
    """Its risk is 0 by definition."""
    table = shifted.assign(value=shifted.value.where(shifted.split == str(FOGS[0]), 0.0))
    assert [line[-1] for line in cells(deployed_summary(table, TASKS, FOGS))] == ["22.50 / 10.00"]
    nothing = cells(deployed_summary(shifted.assign(value=0.0), TASKS, FOGS))
    assert [line[-1] for line in nothing] == ["0.00 / -"]


def test_one_shifted_set_is_not_pooled(shifted: pd.DataFrame) -> None:
    shown = deployed_summary(shifted, TASKS, FOGS[:1])
    assert [line[-1] for line in cells(shown)] == ["90.00 / 10.00"]
    assert "pooled" not in str(shown.caption)


def test_certified_systems_are_pooled_too(shifted: pd.DataFrame) -> None:
    names = {"deployed_cov@20": "certified@20", "deployed_risk@20": "certified_risk@20"}
    table = shifted.assign(metric=shifted.metric.map(names))
    metrics = [Metric.parse("certified_risk@20"), Metric.parse("certified@20")]
    shown = certified_summary(table, metrics, 0.1, FOGS)
    assert [line[-1] for line in cells(shown)] == [f"{100 * 12 / 93:.2f} / {100 * 93 / 400:.2f}"]
    assert "pooled over sets" in str(shown.caption)
    alone = certified_summary(table, metrics[:1], 0.1, FOGS)
    assert [line[-1] for line in cells(alone)] == ["-"]  # without coverage there is nothing to weigh risks by


def test_the_title_names_what_means_are_taken_over(shifted: pd.DataFrame) -> None:
    table = shifted.assign(metric="cov@20")
    assert str(summary(table, [TASKS[0].metric], FOGS).title).endswith("means over members, orders and sets")
    assert str(summary(table, [TASKS[0].metric], FOGS[:1]).title).endswith("means over members and orders")


@pytest.fixture(scope="module")
def stream(store: LogitStore) -> pd.DataFrame:
    """The table of a sweep with an OOD set, with tasks on ID data alone and on both."""
    plan = small(ood=["far"], task=TaskConfig(["cov@20", "risk@50"], []))
    return compute(pool(store, "s1", splits=SPLITS), plan).table()


def test_results_with_ood_data_stand_beside_the_cost_of_their_stream(stream: pd.DataFrame) -> None:
    tasks = [Metric.parse("cov@20"), Metric.parse("risk@50")]
    shown = summary(stream, tasks)
    assert heads(shown) == ["scale", "policy", "MACs", "cov@20 ↑", "risk@50 ↓", "MACs\nfar", "risk@50 ↓\nfar"]
    lines = {line[1]: line for line in cells(shown)}
    assert list(lines) == ["single", "ensemble", "window 0.2", "window 0.2 adjusted"]
    for adjusted, name in ((False, "window 0.2"), (True, "window 0.2 adjusted")):
        rows = stream.query("policy == 'window' and ood == 'far' and metric == 'risk@50' and task == 'risk@50'")
        rows = rows[rows.adjusted.astype(bool) == adjusted]
        assert lines[name][5:] == [si(rows.price.mean()), f"{rows.value.mean():.2f}"]
    assert lines["window 0.2 adjusted"][2:5] == ["-"] * 3
    of_id = stream.query("policy == 'window' and split == 'test' and ood.isna() and metric == task")
    assert lines["window 0.2"][2] == si(of_id.price.mean())
    assert "of a sample of the stream with it" in str(shown.caption)
    deployed = deployed_summary(stream, [Task.parse("cov@20"), Task.parse("risk@50")])
    assert heads(deployed)[5:] == ["MACs\nfar", "risk@50: coverage / risk\nfar"]
    assert [line[1] for line in cells(deployed)] == list(lines)


def test_ood_results_without_a_column_are_named(stream: pd.DataFrame) -> None:
    tasks = [Metric.parse(name) for name in ("cov@20", "risk@50")]
    many = [Metric.parse(f"risk@{share}") for share in (10, 20, 30, 40)]
    shown = summary(stream, [*tasks, *many])
    assert not any("far" in head for head in heads(shown))
    assert "window 0.2 adjusted" not in [line[1] for line in cells(shown)]
    assert "risk@50 with far" in str(shown.caption)
    assert "adjusted windows" in str(shown.caption)


@pytest.fixture(scope="module")
def compared(store: LogitStore) -> pd.DataFrame:
    """The differences of a sweep over three scales."""
    result = Result()
    plan = small(
        bootstrap=BootstrapConfig(50, LEVEL), task=TaskConfig(["cov@20", "risk@50"]), window=WindowConfig([0.1, 0.2])
    )
    for scale in ("s1", "s2", "s3"):
        result.extend(compute(pool(store, scale), plan))
    return differences(result.table(), result, LEVEL)


def test_differences_have_both_intervals_and_say_which_sign_is_better(compared: pd.DataFrame) -> None:
    tasks = [Metric.parse("cov@20"), Metric.parse("risk@50")]
    shown = differences_summary(compared, tasks, LEVEL, 400)
    assert shown is not None
    assert heads(shown)[:3] == ["scale", "policy", "task"]
    lines = cells(shown)
    assert [line[:3] for line in lines] == [
        [scale, "window 0.2", task] for scale in ("s1", "s2", "s3") for task in ("cov@20 ↑", "risk@50 ↓")
    ]
    for line in lines:
        task = line[2].split()[0]
        rows = compared.query(
            f"scale == '{line[0]}' and policy == 'window' and width == 0.2 and split == 'test' and metric == '{task}'"
        ).set_index("versus")
        for head, cell in zip(heads(shown)[3:], line[3:], strict=True):
            versus = head.removeprefix("against ")
            if versus not in rows.index:
                assert cell == "-"
            elif np.isnan(rows.loc[versus].simultaneous_lower):
                assert cell == "equal"
            else:
                row = rows.loc[versus]
                own = f"[{row.lower:+.2f}, {row.upper:+.2f}]"
                assert (
                    cell
                    == f"{row.difference:+.2f} {own} {{{row.simultaneous_lower:+.2f}, {row.simultaneous_upper:+.2f}}}"
                )
    caption = Console(width=400).render_str(str(shown.caption)).plain
    assert "above 0 for a task with ↑, below 0 for one with ↓" in caption
    assert (
        f"[its own 90 % interval] {{interval that holds simultaneously for all N = {compared.comparisons.iloc[0]:,}"
        in caption
    )


def test_differences_fit_a_narrow_terminal(compared: pd.DataFrame) -> None:
    shown = differences_summary(compared, [Metric.parse("cov@20")], LEVEL, 100)
    assert shown is not None
    full = next(line[heads(shown).index("against full")] for line in cells(shown))
    assert [part[0] for part in full.split("\n")[1:]] == ["[", "{"]


def test_without_cascades_no_differences_are_shown(compared: pd.DataFrame) -> None:
    alone = compared[compared.policy == "single"]
    assert differences_summary(alone, [Metric.parse("cov@20")], LEVEL, 100) is None
