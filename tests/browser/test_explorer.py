"""The page of `wee explore` in a browser: what it shows, says and saves is what the tables of the sweeps have."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.browser import Page
from tests.helpers.explored import COMMANDS
from wee.method import Metric
from wee.sweep.config import BASELINE
from wee.sweep.fronts import fronts
from wee.sweep.results import AVERAGES, MADE_BY, read_about, read_rules, read_table

SHOWN = """
const number = (value) => (value === Infinity ? 'inf' : value === -Infinity ? '-inf' : value);
return chart.points.map((point) => ({
  x: point.x, y: point.y, lower: point.lower, upper: point.upper, count: point.rows.length,
  ...Object.fromEntries(arguments[0].map((name) => [name, number(table.at(name, point.row))])),
}));
"""
FRONTS = """
const nameOr = (column, row) => table.at(column, row) ?? '';
return frontsOf(selectedRows(state), state).flat().map(({ row, x, y }) => (
    [table.at('policy', row), nameOr('score', row), nameOr('eval_score', row), x, y]
));
"""
NAMES = [
    "sweep",
    "scale",
    "members",
    "policy",
    "width",
    "fraction",
    "score",
    "task",
    "eval_score",
    "ood",
    "adjusted",
    "split",
]


def shown(browser: Page) -> pd.DataFrame:
    """The points of the chart, as the page draws them."""
    return pd.DataFrame(browser.run(SHOWN, NAMES), columns=["x", "y", "lower", "upper", "count", *NAMES])


def fitting(table: pd.DataFrame, metric: str, ood: str | None = None, split: str = "test") -> pd.DataFrame:
    """The rows of a table that the page shows of a metric before anybody filters."""
    rows = table[(table.metric == metric) & (table.split == split)]
    rows = rows[rows.ood.isna() if ood is None else rows.ood == ood]
    tasks = set(table.task.dropna())
    return rows[rows.task.isna() | (rows.task == metric)] if metric in tasks else rows


def same(first: Any, second: Any) -> bool:
    """Whether two lists have the same numbers, in any order."""
    return np.allclose(np.sort(np.asarray(first, float)), np.sort(np.asarray(second, float)), rtol=1e-12)


@pytest.fixture(scope="module")
def table(folders: dict[str, Path]) -> pd.DataFrame:
    return read_table(folders["first"])


def test_points_are_the_rows_of_the_table(browser: Page, pages: dict[str, Path], table: pd.DataFrame) -> None:
    browser.open(pages["first"])
    assert browser.text("h1") == "first"
    for metric in ("cov@20", "risk@50", "accuracy"):
        browser.choose("y", metric)
        rows, points = fitting(table, metric), shown(browser)
        assert len(points) == len(rows) > 20
        assert same(points.x, rows.price)
        assert same(points.y, rows.value)
        assert browser.text("#count").startswith(f"{len(rows)} points, of {len(table):,} rows")
    browser.choose("split", "val")
    assert same(shown(browser).y, fitting(table, "accuracy", split="val").value)


def test_any_metric_can_be_an_axis(browser: Page, pages: dict[str, Path], table: pd.DataFrame) -> None:
    browser.open(pages["first"])
    browser.choose("x", "metric accuracy")
    points = shown(browser)
    keys = ["scale", "members", "policy", "width", "fraction", "score", "task", "split"]
    accuracy = table[(table.metric == "accuracy") & table.ood.isna()].rename(columns={"value": "accuracy"})
    rows = fitting(table, "cov@20").merge(accuracy[[*keys, "accuracy"]], on=keys)
    assert len(points) == len(rows) == len(fitting(table, "cov@20"))
    assert same(points.x + 1000 * points.y, rows.accuracy + 1000 * rows.value)


def test_filters_leave_the_rows_that_they_name(browser: Page, pages: dict[str, Path], table: pd.DataFrame) -> None:
    browser.open(pages["first"])
    rows = fitting(table, "cov@20")
    browser.press("input[data-filter='scale'][value='s1']")
    browser.press("input[data-filter='series'][value='random exit']")
    kept = rows[(rows.scale == "s2") & (rows.policy != "random")]
    assert len(shown(browser)) == len(kept) < len(rows)
    assert same(shown(browser).y, kept.value)
    browser.press("button[data-none='size']")
    assert browser.text("#count") == "No point fits these filters."
    assert browser.run("return document.getElementById('csv').disabled")
    browser.press("input[data-filter='size'][value='1']")
    assert set(shown(browser).policy) == {"single"}
    browser.press("#reset")
    assert len(shown(browser)) == len(rows)


def test_windows_of_another_task_can_be_shown(browser: Page, pages: dict[str, Path], table: pd.DataFrame) -> None:
    browser.open(pages["first"])
    rows = table[(table.metric == "cov@20") & (table.split == "test") & table.ood.isna()]
    browser.choose("task", "any")
    assert len(shown(browser)) == len(rows)
    browser.choose("task", "task risk@50")
    assert len(shown(browser)) == len(rows[rows.task.isna() | (rows.task == "risk@50")])


@pytest.mark.parametrize("written", ["0.2", "0.00001"])  # a share of OOD data as JavaScript writes it
def test_an_ood_set_brings_adjusted_windows(
    browser: Page, pages: dict[str, Path], table: pd.DataFrame, written: str
) -> None:
    browser.open(pages["first"])
    browser.choose("y", "risk@50")
    browser.choose("ood", "far")
    browser.press("button[data-none='ood_share']")
    browser.press(f"input[data-filter='ood_share'][value='{written}']")
    points, rows = shown(browser), fitting(table, "risk@50", ood="far")
    rows = rows[rows.ood_share == float(written)]
    assert same(points.y, rows.value)
    assert points.adjusted.any()
    assert "adjusted windows" in browser.text("#legend")
    place = int(np.flatnonzero(points.adjusted & (points.width == 0.2))[0])
    browser.point(place, click=True)
    browser.run("choose(arguments[0])", place)  # other points may lie on the same place
    told = browser.text("#details")
    assert "unlabelled stream" in told
    low = rows[
        rows.adjusted
        & (rows.width == 0.2)
        & (rows.members == points.members[place])
        & (rows.scale == points.scale[place])
    ]
    assert any(f"confidences from {float(f'{number:.4g}'):g} to" in told for number in low.low)
    browser.choose("y", "cov@20")  # which is of ID data alone
    assert shown(browser).ood.isna().all()
    browser.choose("split", "val")
    browser.choose("y", "risk@50")
    browser.choose("ood", "far")  # which has no validation split
    assert set(shown(browser).split) == {"test"}


def test_hovering_tells_every_setting(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"], fragment="#" + json.dumps({"filters": {"score": ["margin"], "size": ["1"]}}))
    points = shown(browser)
    place = int(np.flatnonzero((points.width == 0.2) & (points.scale == "s1"))[0])
    browser.run("pointAt(-1, false)")
    assert browser.hidden("#tip")
    browser.point(place)
    browser.wait(lambda: not browser.hidden("#tip"))
    found = shown(browser).iloc[browser.run("return current")]
    assert (found.x, found.y) == pytest.approx((points.x[place], points.y[place]), rel=0.02)
    told = browser.text("#tip")
    for words in (
        "window cascades",
        "Cov@20",
        "average MACs",
        "S one",
        found.members,
        "Width of the window",
        "msp",
        "Made-up & <small>",
        "test",
    ):
        assert str(words) in told, words
    assert f"{found.y:.2f} %" in told
    assert f"[{found.lower:.2f}, {found.upper:.2f}]" in told


def test_a_click_shows_the_window_and_the_commands(
    browser: Page, pages: dict[str, Path], folders: dict[str, Path]
) -> None:
    browser.open(pages["first"])
    assert browser.hidden("#details")
    points = shown(browser)
    place = int(np.flatnonzero((points.width == 0.5) & (points.scale == "s2"))[-1])
    browser.point(place, click=True)
    browser.wait(lambda: not browser.hidden("#details"))
    told = browser.text("#details")
    found = shown(browser).iloc[browser.run("return chart.points.indexOf(chosen)")]
    (rule,) = [
        rule for rule in read_rules(folders["first"])
        if all(rule.setting[name] == found[name] for name in ("scale", "members", "policy", "width", "score", "task"))
    ]  # fmt: skip
    (interval,) = rule.rule.intervals  # type: ignore[union-attr]
    begin, end = max(interval.rank - 0.25, 0), min(interval.rank + 0.25, 1)
    assert f"from {100 * begin:.1f}".removesuffix(".0") in told
    assert f"to {100 * end:.1f}".removesuffix(".0") in told
    picture = browser.run("return document.querySelector('#details .strip svg').textContent")
    for number in (interval.tau, interval.low, interval.high):
        assert f"{float(f'{number:.4g}'):g}" in picture
    commands = browser.run("return [...document.querySelectorAll('#details code')].map((code) => code.textContent)")
    assert commands[0] == read_about(folders["first"])[MADE_BY] == COMMANDS["first"]
    words = shlex.split(commands[1])
    assert words[:2] == ["wee", "calibrate"]
    assert {f"setting.scale={found.scale}", "setting.width=0.5", "task=cov@20", f"score={found.score}"} <= set(words)
    browser.press("#details [data-copy='command1']")
    browser.wait(lambda: browser.text("#details [data-copy='command1']") == "Copied")
    browser.press("#close")
    assert browser.hidden("#details")


def test_saved_rows_are_those_of_the_table(
    browser: Page, pages: dict[str, Path], table: pd.DataFrame, tmp_path: Path
) -> None:
    browser.open(pages["first"])
    browser.press("button[data-none='series']")
    browser.press("input[data-filter='series'][value='window cascades']")
    browser.press("#csv")
    file = browser.saved("first-cov-20.csv")
    rows = fitting(table, "cov@20")
    rows = rows[rows.policy == "window"].reset_index(drop=True)
    saved = read_table(file)
    columns = [name for name in table.columns if name in saved]
    assert set(table.columns) == set(columns)
    pd.testing.assert_frame_equal(saved[columns], rows[columns], check_dtype=False, rtol=1e-12)
    assert set(pd.read_csv(file).sweep) == {"first"}


def test_rows_of_a_metric_across_are_saved_too(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"])
    browser.choose("x", "metric aurc")
    browser.press("#csv")
    saved = pd.read_csv(browser.saved("first-cov-20.csv"))
    assert saved.metric.value_counts().to_dict() == dict.fromkeys(("cov@20", "aurc"), len(shown(browser)))


def test_the_drawing_is_saved(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"])
    browser.press("#svg")
    drawing = browser.saved("first-cov-20.svg").read_text()
    assert "average MACs" in drawing
    assert drawing.count("<path") > len(shown(browser))


def test_fronts_are_those_of_the_sweep(browser: Page, pages: dict[str, Path], folders: dict[str, Path]) -> None:
    saved = pd.read_csv(folders["first"] / "fronts.csv")
    saved = saved[saved.policy != BASELINE]
    browser.open(pages["first"])
    browser.press("#references")  # without lines of their own, single models and ensembles have fronts too
    compared = 0
    for metric in saved.metric.unique():
        browser.choose("y", metric)
        if Metric.parse(metric).deployed is not None:
            browser.choose("task", "any")  # the fronts of a deployed metric have the windows of all tasks
        drawn = pd.DataFrame(browser.run(FRONTS), columns=["policy", "score", "eval_score", "x", "y"])
        expected = saved[saved.metric == metric].fillna({"score": "", "eval_score": ""})
        keys = ["policy", "score", "eval_score"]
        for key, rows in expected.groupby(keys):
            line = drawn[(drawn[keys] == list(key)).all(axis=1)]
            assert same(line.x, rows.price), (metric, key)
            assert same(line.y, rows.value), (metric, key)
            compared += 1
        assert len(drawn) == len(expected)
    assert compared > 20


def test_means_have_the_intervals_of_the_averages(
    browser: Page, pages: dict[str, Path], folders: dict[str, Path]
) -> None:
    averages = pd.read_csv(folders["first"] / AVERAGES)
    browser.open(pages["first"])
    browser.choose("points", "mean")
    browser.press("#intervals")
    points = shown(browser)
    rows = averages[(averages.metric == "cov@20") & averages.ood.isna() & (averages.split == "test")]
    rows = rows[rows.task.isna() | (rows.task == "cov@20")]
    assert len(points) == len(rows) < len(fitting(read_table(folders["first"]), "cov@20"))
    for name, column in (("x", "price"), ("y", "value"), ("lower", "lower"), ("upper", "upper")):
        assert same(points[name], rows[column]), name
    assert "90 % bootstrap intervals" in browser.text("#note")
    assert browser.run("return chart.view.data('intervals').length") == len(points)
    browser.press("#intervals")
    assert browser.run("return chart.view.data('intervals').length") == 0


def test_lines_of_references_do_not_follow_the_filters(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"])
    lines = browser.run("return chart.view.data('references').length")
    browser.press("button[data-none='series']")
    browser.press("input[data-filter='series'][value='window cascades']")
    assert set(shown(browser).policy) == {"window"}
    assert browser.run("return chart.view.data('references').length") == lines > 0
    browser.press("#references")
    assert browser.run("return chart.view.data('references').length") == 0


def test_the_keyboard_reaches_everything(browser: Page, pages: dict[str, Path]) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(pages["first"])
    points = shown(browser)
    chart = browser.driver.find_element("id", "chart")
    place = lambda: int(browser.run("return current"))  # noqa: E731
    chart.send_keys(Keys.HOME)
    assert place() == 0
    chart.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert place() == 2
    spoken = browser.run("return document.getElementById('spoken').textContent")
    assert f"point 3 of {len(points)}" in spoken
    assert f"{points.y[2]:.2f} %" in spoken
    chart.send_keys(Keys.ARROW_LEFT)
    assert place() == 1
    chart.send_keys(Keys.ARROW_UP)
    assert points.y[place()] > points.y[1]
    chart.send_keys(Keys.ARROW_DOWN)
    chart.send_keys(Keys.END)
    assert place() == len(points) - 1
    chart.send_keys(Keys.ENTER)
    assert not browser.hidden("#details")
    assert f"{points.y.iloc[-1]:.2f} %" in browser.text("#details")
    chart.send_keys(Keys.ESCAPE)
    assert browser.hidden("#details")
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    focused = set()
    for _ in range(120):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        focused.add(browser.run("return document.activeElement.id || document.activeElement.dataset.filter || ''"))
    assert {
        "y",
        "x",
        "split",
        "fronts",
        "log",
        "intervals",
        "chart",
        "csv",
        "reset",
        "scale",
        "series",
        "size",
    } <= focused


def test_sweeps_are_compared(browser: Page, pages: dict[str, Path], folders: dict[str, Path]) -> None:
    browser.open(pages["both"])
    assert all(f"{name}: " in browser.text("#about") for name in folders)
    points = shown(browser)
    for name, folder in folders.items():
        assert same(points[points.sweep == name].y, fitting(read_table(folder), "cov@20").value)
    shapes = browser.run(
        "return chart.view.data('points').map((one) => [table.at('sweep', chart.points[one.index].row), one.shape])"
    )
    assert len({shape for _, shape in shapes}) == len(folders) == len({tuple(pair) for pair in shapes})
    browser.choose("colour", "sweep")
    colours = browser.run(
        "return chart.view.data('points').map((one) => [table.at('sweep', chart.points[one.index].row), one.colour])"
    )
    assert len({colour for _, colour in colours}) == len(folders) == len({tuple(pair) for pair in colours})
    browser.press("input[data-filter='sweep'][value='first']")
    place = int(np.flatnonzero(shown(browser).width == "0.5+0.2")[0])
    browser.run("choose(arguments[0])", place)
    told = browser.text("#details")
    assert "Stage 1: " in told
    assert "Stage 2: " in told
    assert "'setting.width=[0.5,0.2]'" in told
    assert COMMANDS["second"] in told


def test_fronts_of_chosen_members_are_of_these_members_alone(
    browser: Page, pages: dict[str, Path], table: pd.DataFrame
) -> None:
    keys, left_out = ["policy", "score", "eval_score"], ["1+0", "1"]
    kept = ~table.members.isin(left_out)
    browser.open(pages["first"], fragment="#" + json.dumps({"filters": {"members": left_out}, "references": False}))
    drawn = pd.DataFrame(browser.run(FRONTS), columns=[*keys, "x", "y"])
    expected, mixed = (
        rows[(rows.metric == "cov@20") & (rows.policy != BASELINE)].fillna({"score": "", "eval_score": ""})
        for rows in map(fronts, (table[kept], table[kept | (table.split == "val")]))
    )
    for key, rows in expected.groupby(keys):
        line = drawn[(drawn[keys] == list(key)).all(axis=1)]
        assert same(line.x, rows.price), key
        assert same(line.y, rows.value), key
    assert len(drawn) == len(expected)
    assert len(mixed) != len(expected) or not same(mixed.value, expected.value)  # chosen by the means of all members


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_horizontal_scrolling(browser: Page, pages: dict[str, Path], width: int) -> None:
    browser.open(pages["both"], width, 780)
    for action in (
        "",
        "choose(3)",
        "pointAt(3, true)",
        "document.querySelector('.values').open = true",
        "document.getElementById('filters').open = true",
    ):
        browser.run(action)
        assert browser.run("return document.documentElement.scrollWidth") <= width, action
        wide = browser.run(
            "const wide = (one) => one.getBoundingClientRect().right > innerWidth + 1;"
            "return [...document.querySelectorAll('main *')].filter(wide).map((one) => one.id || one.tagName)"
        )
        assert wide == [], action
    assert browser.run("return drawing.querySelector('.vega-embed:not([hidden]) canvas').clientWidth") <= width


def test_an_address_keeps_what_is_shown(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"])
    browser.choose("y", "risk@50")
    browser.press("input[data-filter='scale'][value='s1']")
    expected, address = shown(browser), browser.driver.current_url
    browser.open(pages["first"], fragment="#" + address.partition("#")[2])
    pd.testing.assert_frame_equal(shown(browser), expected)
    assert not browser.run("return document.querySelector(\"input[data-filter='scale'][value='s1']\").checked")


@pytest.mark.parametrize(
    "fragment",
    [
        "#null",
        "#[1]",
        "#7",
        "#%",
        "#{",
        '#{"filters": null}',
        '#{"filters": ["scale"], "points": null}',
        '#{"y": "toString", "x": "metric valueOf", "ood": "valueOf", "colour": "constructor", "points": "some"}',
        '#{"y": ["cov@20"], "x": "cost", "task": "task moon", "shape": {}, "fronts": 1, "log": "no", "hasOwnProperty": 1}',
        '#{"y": "nothing", "filters": {"x": 1}, "colour": 3, "split": "moon"}',
    ],
)
def test_a_broken_address_shows_the_page_as_it_begins(browser: Page, pages: dict[str, Path], fragment: str) -> None:
    browser.open(pages["first"], fragment=fragment)
    assert browser.run("return JSON.stringify(state) === JSON.stringify(initialState())")
    assert len(shown(browser)) > 20


def test_points_of_several_scores_have_different_shapes(
    browser: Page, pages: dict[str, Path], table: pd.DataFrame
) -> None:
    browser.open(pages["first"])
    shapes = browser.run(
        "return chart.view.data('points').map((one) => [table.at('eval_score', chart.points[one.index].row), one.shape])"
    )
    scores = set(fitting(table, "cov@20").eval_score)
    assert len({shape for _, shape in shapes}) == len({tuple(pair) for pair in shapes}) == len(scores) > 1
    assert "Ranked by" in browser.text("#legend")


def test_a_page_opens_on_the_first_task_and_its_first_ood_set(
    browser: Page, pages: dict[str, Path], detection: Path
) -> None:
    browser.open(pages["detection"])
    assert browser.run("return [state.y, state.ood, state.split]") == ["fpr@95", "far", "test"]
    points, rows = shown(browser), fitting(read_table(detection), "fpr@95", ood="far")
    assert same(points.y, rows.value)
    browser.open(pages["first"])
    assert browser.run("return [state.y, state.ood]") == ["cov@20", None]


def test_lines_of_several_scores_have_different_dashes(browser: Page, pages: dict[str, Path]) -> None:
    browser.open(pages["first"])
    lines = """
    const score = (line) => table.at('eval_score', line[0].row);
    const dashes = (lines) => lines.map((line) => [score(line), String(encoding.dash(line, ['plain']))]);
    return [dashes(frontsOf(selectedRows(state), state)), dashes(referencesOf(state))];
    """
    drawn = "return ['fronts', 'references'].map((name) => chart.view.data(name).map((one) => String(one.dash)))"
    for of_scores, dashes in zip(browser.run(lines), browser.run(drawn), strict=True):
        assert len({score for score, _ in of_scores}) == len({dash for _, dash in of_scores}) == 2
        assert len({tuple(pair) for pair in of_scores}) == 2
        assert set(dashes) == {dash for _, dash in of_scores}
    assert browser.text("#note").startswith("Thick lines: fronts")
    assert browser.run("return document.querySelectorAll('#legend path[stroke-dasharray]').length") == 2
    browser.choose("shape", "series")
    fronts, references = browser.run(drawn)
    assert set(fronts).isdisjoint(references)
    assert "Dashed lines: single models and ensembles" in browser.text("#note")


def test_references_of_one_scale_are_marks_on_level_lines(
    browser: Page, pages: dict[str, Path], detection: Path
) -> None:
    browser.open(pages["detection"])
    rows = fitting(read_table(detection), "fpr@95", ood="far")
    means = rows[rows.policy.isin(["single", "ensemble"])].groupby(["policy", "eval_score"])[["price", "value"]].mean()
    marks = pd.DataFrame(browser.run("return chart.view.data('levels').map(({ x, y }) => ({ x, y }))"))
    assert same(marks.x + 1e9 * marks.y, means.price + 1e9 * means.value)
    lines = pd.DataFrame(browser.run("return chart.view.data('references').map(({ x, y, line }) => ({ x, y, line }))"))
    assert len(lines) == 2 * len(marks) == 8
    assert (lines.groupby("line").y.nunique() == 1).all()
    assert (lines.groupby("line").x.agg(["min", "max"]) == [rows.price.min(), rows.price.max()]).all(axis=None)
    assert "a large mark on a level line" in browser.text("#note")
    browser.press("#references")
    assert browser.run("return chart.view.data('levels').length") == 0
