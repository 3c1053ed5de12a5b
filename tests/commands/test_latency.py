"""`wee latency`: from a sweep, or a calibrated cascade, to a table of times, costs and a figure."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from tests.helpers.configs import composed
from wee.commands.calibrate import CalibrateConfig, calibrate
from wee.commands.evaluate import EvaluateConfig, evaluate
from wee.commands.figure import FigureCommandConfig, figure
from wee.commands.latency import LatencyConfig, latency, summary
from wee.commands.sweep import SweepConfig, sweep
from wee.costs import COSTS, LATENCY
from wee.costs.latency import Latency
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.method import Ensemble, Single, Window
from wee.store import LogitStore
from wee.sweep.times import CASCADE, COLUMNS, NETWORK, SETTING, SHARES, read_times

FEW = ("images=24", "rounds=2", "warmup=1", "batch=[1,4]")
SWEEP = ("scale=[s1,s2]", "ood=none", "policy=paper", "task.names=[cov@20]", "name=small")


@pytest.fixture(scope="module")
def place(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained family and a sweep of it."""
    folder = tmp_path_factory.mktemp("latency")
    shutil.copytree(trained / "outputs", folder / "outputs")
    cfg = composed("sweep", *SMALL, *SWEEP, *paths(folder))
    assert isinstance(cfg, SweepConfig)
    sweep(cfg)
    return folder


def paths(folder: Path) -> tuple[str, ...]:
    return (f"paths.outputs={folder / 'outputs'}",)


def measure(folder: Path, *overrides: str) -> pd.DataFrame:
    """Run the command in this process, and read its table."""
    cfg = composed("latency", *SMALL, *QUICK, *FEW, "scale=[s1,s2]", *paths(folder), *overrides)
    assert isinstance(cfg, LatencyConfig)
    latency(cfg)
    return read_times(Path(cfg.paths.latency, f"{cfg.name}.csv"))


def folder_of_sweep(folder: Path, name: str) -> Path:
    (found,) = (folder / "outputs" / "sweeps" / name).glob("*")
    return found


def test_from_a_sweep_to_costs_and_a_figure(place: Path, wee: Wee, monkeypatch: pytest.MonkeyPatch) -> None:
    wee("latency", *SMALL, *QUICK, *FEW, "sweeps=small", cwd=place)
    times = read_times(place / "outputs" / "latency" / "digits-tiny.csv")
    assert list(times.columns) == COLUMNS
    by_batch = {batch: rows for batch, rows in times.groupby("batch")}
    assert set(by_batch) == {1, 4}
    for rows in by_batch.values():
        assert [*zip(rows.subject, rows.scale, rows.policy.fillna(""), strict=True)] == [
            (NETWORK, "s1", ""), (NETWORK, "s2", ""),
            (SETTING, "s1", Single.name), (SETTING, "s1", Ensemble.name), (SETTING, "s1", Window.name),
            (SETTING, "s2", Single.name), (SETTING, "s2", Ensemble.name), (SETTING, "s2", Window.name),
        ]  # fmt: skip
    assert set(times.weights) == {"trained"}
    assert (times[["mean", "median", "lower", "upper", "throughput", "ideal", "passes"]] > 0).all(axis=None)
    # Values are written with six digits.
    assert (times.efficiency - times.ideal / times["mean"]).abs().max() < 1e-4

    table = pd.read_csv(folder_of_sweep(place, "small") / "table.csv")
    test = table[(table.split == "test") & table.ood.isna()]
    cost = test[test.policy == Single.name].groupby("scale").price_id.first()
    for row in times[times.policy == Window.name].itertuples():
        mean_price = test[(test.policy == Window.name) & (test.scale == row.scale)].price_id.mean()
        share = mean_price / cost[row.scale] - 1
        assert SHARES.read(row.reaching)[1] == pytest.approx(share, abs=0.5 / row.images + 1e-6)
        assert row.orders == 2

    report = last_report(place, "latency")
    store = LogitStore(place / "outputs" / "store")
    entries = store.entries_of("digits", "tiny", "s1") + store.entries_of("digits", "tiny", "s2")
    assert report["costs_added"] == 2 * len(entries) > 8
    for entry in entries:
        for batch in (1, 4):
            known = entry.cost(LATENCY, {"batch": batch})
            assert known is not None
            (mean,) = by_batch[batch][lambda t, e=entry: (t.subject == NETWORK) & (t.scale == e.address.scale)]["mean"]
            assert known.values == pytest.approx([mean], rel=1e-5)

    cfg = composed(
        "sweep", *SMALL, *SWEEP[:-1], *paths(place), "name=timed", f"cost={LATENCY}", "+cost.conditions.batch=4"
    )
    assert isinstance(cfg, SweepConfig)
    sweep(cfg)
    timed = pd.read_csv(folder_of_sweep(place, "timed") / "table.csv")
    assert set(timed.cost) == {LATENCY}
    assert sorted(timed[timed.policy == Single.name].price.unique()) == pytest.approx(
        sorted(by_batch[4][by_batch[4].subject == NETWORK]["mean"]), rel=1e-5
    )

    monkeypatch.setattr("wee.commands.figure.job_suffix", str)
    file = place / "outputs" / "latency" / "digits-tiny.csv"
    drawn = ("figure=latency", f"figure.times={file}", "figure.panels=[cov@20]", "figure.formats=[svg]", "name=f")
    config = composed("figure", *drawn, "sweeps=small", "figure.throughput_batch=4", *paths(place))
    assert isinstance(config, FigureCommandConfig)
    figure(config)
    assert "throughput, batch 4 (images/s)" in (place / "outputs" / "figures" / "f.svg").read_text()
    numbers = pd.read_csv(place / "outputs" / "figures" / "f.csv")
    assert len(numbers) == 2 * 3 * 2  # batch sizes, policies, scales


def test_a_table_is_measured_once_and_never_silently_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single = ("settings.policies=[single]", "sweeps=small", "name=once", "record=false", "batch=1", "images=2")
    first = measure(place, *single)
    assert measure(place, *single).equals(first)
    with pytest.raises(WeeError, match=r"once.csv holds times that were measured otherwise.*overwrite=true"):
        measure(place, *single, "images=4")
    again = measure(place, *single, "images=4", "overwrite=true")
    assert set(again.images) == {4}
    assert set(again.key) != set(first.key)


def test_what_was_recorded_is_kept(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "outputs", tmp_path / "outputs")
    common = ("name=r", "batch=2", "images=4", "scale=s1", "ensemble.size=1", "overwrite=true")
    store = LogitStore(tmp_path / "outputs" / "store")
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    measure(tmp_path, *common, "record=false")
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    measure(tmp_path, *common)
    entries = store.entries_of("digits", "tiny", "s1")
    costs = [entry.cost(LATENCY, {"batch": 2}) for entry in entries]
    assert None not in costs
    measure(tmp_path, *common, "images=6")
    assert [entry.cost(LATENCY, {"batch": 2}) for entry in entries] == costs


def test_evaluate_measures_the_cost_at_batch_1_and_it_is_the_same_cost(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(place / "outputs", tmp_path / "outputs", ignore=shutil.ignore_patterns("costs"))
    cost = COSTS[LATENCY]
    assert isinstance(cost, Latency)
    monkeypatch.setitem(COSTS._things, LATENCY, replace(cost, images=20))
    common = (*SMALL, *QUICK, *paths(tmp_path), "scale=s1", "runtime.threads=1")
    cfg = composed("evaluate", *common, "ood=none", f"cost={LATENCY}")
    assert isinstance(cfg, EvaluateConfig)
    evaluate(cfg)
    store = LogitStore(tmp_path / "outputs" / "store")
    entries = [entry for entry in store.entries_of("digits", "tiny", "s1") if entry.address.split in (VAL, TEST)]
    known = [entry.cost(LATENCY, {"batch": 1}) for entry in entries]
    assert None not in known
    measure(tmp_path, "name=r", "batch=[1,2]", "images=4", "scale=s1", "threads=1")
    assert [entry.cost(LATENCY, {"batch": 1}) for entry in entries] == known
    assert {len([cost for cost in entry.costs if cost.name == LATENCY]) for entry in entries} == {2}


def test_without_a_sweep_scales_are_timed_with_random_weights_where_there_are_none(tmp_path: Path) -> None:
    times = measure(tmp_path, "batch=2", "images=4", "scale=s1")
    assert times.subject.tolist() == [NETWORK, SETTING, SETTING]
    assert times.policy.tolist()[1:] == [Single.name, Ensemble.name]
    assert set(times.weights) == {"random"}
    assert [*summary(times).columns[1].cells] == ["forward pass", Single.name, Ensemble.name]
    exits = measure(tmp_path, "batch=2", "images=4", "family=msdnet_small", "scale=all")
    assert exits[exits.subject == SETTING].exits.tolist() == ["1", "2", "3", "4", "5"]


def test_a_calibrated_cascade_is_timed_with_its_expected_shares(place: Path) -> None:
    overrides = ("scale=[s1,s2]", "task=risk@50", "target=100", "name=c", "bootstrap.resamples=20")
    cfg = composed("calibrate", *SMALL, *QUICK, *overrides, *paths(place))
    assert isinstance(cfg, CalibrateConfig)
    calibrate(cfg)
    folder = place / "outputs" / "cascades" / "c"
    description = json.loads((folder / "cascade.json").read_text())
    times = measure(place, f"cascade={folder}", "name=cascade", "record=false", "batch=4", "images=100")
    row = times.iloc[-1]
    assert (row.subject, row["name"], row.task, row["size"]) == (CASCADE, "c", "risk@50", len(description["stages"]))
    expected = [share["value"] for share in description["expected"]["test"]["reaching"]]
    assert SHARES.read(row.reaching) == pytest.approx(expected, abs=0.5 / row.images + 1e-6)
    assert set(times.weights) == {"trained"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["batch=0"], "batch has 0: it is a number of images, 1 or more"),
        (["batch=[]"], r"batch is \[\]: give one batch size or more"),
        (["batch=[1,1]"], "each once"),
        (["images=1", "rounds=2"], "images is 1, which is too few for rounds=2"),
        (["rounds=0"], "rounds is 0: it is a whole number from 1 on"),
        (["sweeps=small", "cascade=c"], "sweeps and cascade are both given"),
        (["autocast=float64"], "there is no autocast 'float64'"),
        (["settings.policies=[windows]"], "there is no policy 'windows'"),
        (["settings.width=2"], "window.width is 2"),
    ],
)
def test_bad_values_are_refused_before_any_work(overrides: list[str], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        composed("latency", *overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sweeps=none"], "there is no sweep 'none' in .*Known: .*small"),
        (["sweeps=small", "settings.tasks=cov@5"], "there is no task in this sweep 'cov@5'"),
        (
            ["sweeps=small", "family=cifar_resnet", "scale=all"],
            "has networks tiny/s1, and family cifar_resnet has .*family=tiny",
        ),
        (["sweeps=small", "dataset.name=other"], "is about data set digits, and dataset=other: give dataset=digits"),
        (["sweeps=small", "paths.store=nowhere"], "nowhere has no digits/tiny/s1/member 0/test than the sweep small"),
        (["cascade=nowhere"], "nowhere is not the folder of a cascade"),
        (["device=cuda:99"], "device=cuda:99 cannot be used"),
        (["family=stored", "family.name=tiny", "scale=all"], "has logits in the store alone, and no networks"),
    ],
)
def test_what_cannot_be_timed_is_named(place: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        measure(place, "name=refused", *overrides)
    assert not (place / "outputs" / "latency" / "refused.csv").exists()


def test_small_shares_and_few_images_are_warned_about(place: Path, caplog: Any) -> None:
    with caplog.at_level("WARNING", logger="wee"):
        measure(place, "sweeps=small", "settings.policies=[window]", "images=2", "batch=1", "name=few", "record=false")
    assert "images=2 are too few for s1: a share of" in caplog.text
