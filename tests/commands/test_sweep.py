"""`wee sweep` in this process: what it refuses before it scores anything, and what it says."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.configs import composed
from tests.helpers.figures import draw, points
from tests.helpers.stores import fill_store
from wee.commands.calibrate import calibrate
from wee.commands.import_ import ImportConfig, import_logits
from wee.commands.sweep import SweepConfig, _labels, resolve, sweep
from wee.data import from_store
from wee.data.from_store import StoredConfig, chosen_sets
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.method import IntervalRule
from wee.sweep.config import PolicyConfig
from wee.sweep.results import read_about, read_averages, read_rules, read_table, read_validation


def config(*overrides: str) -> SweepConfig:
    """A sweep over the store of `fill_store` in the current folder."""
    named = ("dataset=stored", "dataset.name=toy", "family=stored", "family.name=made", "task.names=[cov@20]")
    cfg = composed("sweep", *named, "policy=paper", "name=t", *overrides)
    assert isinstance(cfg, SweepConfig)
    return cfg


def test_scales_with_more_samples_are_refused_before_any_scoring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", count=60)
    fill_store(tmp_path / "outputs" / "store", scales=("s3",), count=50)
    apart = {"scale=[s1,s3]": "scale=s1 and then scale=s3"}
    apart |= {"ensemble.scales=[[s1,s1],[s3,s3]]": "'ensemble.scales=[s1,s1]' and then 'ensemble.scales=[s3,s3]'"}
    for override, advice in apart.items():
        with pytest.raises(WeeError) as error:
            sweep(config(override))
        assert "the same val samples: they have 60 and 50 samples" in str(error.value)
        assert str(error.value).endswith(f"sweep them separately, with {advice}")
    assert not (tmp_path / "outputs" / "sweeps").exists()
    assert not (tmp_path / "outputs" / "store" / ".scores").exists()


def test_shifted_sets_are_labelled_with_what_distinguishes_them() -> None:
    change = ("shift=corrupted", "shift.corrupted.corruption=[fog]", "shift.corrupted.severity=[1,5]")
    cfg = composed("sweep", *change, "shift.corrupted.label=Bad weather")
    assert isinstance(cfg, SweepConfig)
    assert _labels(resolve(cfg))["shifts"] == {
        "corrupted-fog-1": "Bad weather, fog-1",
        "corrupted-fog-5": "Bad weather, fog-5",
    }


def test_policies_that_do_not_apply_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=30)
    with pytest.raises(WeeError, match=r"policy.names is \['last'\], .* last needs ensemble.combine=replace"):
        sweep(config("policy.names=last"))
    with pytest.raises(WeeError, match=r"ensemble needs ensemble.size of 2 or more"):
        sweep(config("policy.names=[ensemble]", "ensemble=alone"))


def test_what_is_left_out_is_logged_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "wee")
    fill_store(tmp_path / "outputs" / "store", members=4, count=60)
    sweep(config("ensemble.members=4", "ensemble.size=3", "ensemble.max_cascades=12", "ensemble.combine=replace"))
    for scale in ("s1", "s2"):
        assert f"{scale}: 12 of 24 cascades of 3 members are run (3 of 6 orders of each of 4 sets" in caplog.text
    (path,) = (tmp_path / "outputs" / "sweeps").rglob("table.csv")
    table = read_table(path)
    assert table.groupby("policy").cascades.unique().map(list).to_dict() == {
        "single": [4],
        "ensemble": [24],
        "window": [24],
    }
    assert table[table.policy == "window"].groupby("scale").members.nunique().to_dict() == {"s1": 12, "s2": 12}


OWN_METRIC = """
class Spread:
    higher_is_better = False
    label = "spread"

    def of_ranking(self, ranking):
        return {factor} * (ranking.ranked.scores.max() - ranking.ranked.scores.min())


class Half:
    higher_is_better = True

    def read(self, curve, share):
        return curve.coverage_at(share / 2)
"""


def test_metrics_and_tasks_of_ones_own_are_in_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "own_measures.py"
    source.write_text(OWN_METRIC.format(factor=1))
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=60)
    spread, task = "own_measures:Spread", "own_measures:Half@10"
    overrides = (f"task.metrics=[{spread}]", f"task.names=[{task}]", "bootstrap.resamples=9", "score.exit=msp")
    sweep(config(*overrides))
    (folder,) = (tmp_path / "outputs" / "sweeps" / "t").iterdir()
    for name in ("table", "fronts", "averages", "differences", "equal_quality"):
        assert {spread, task} <= set(pd.read_csv(folder / f"{name}.csv").metric), name
    table = read_table(folder)
    assert set(table.task.dropna()) == {task}
    assert {"deployed_cov@10", "deployed_risk@10"} <= set(table.metric)
    drawn = points(table, FigureConfig("mine", panels=[spread, task]))
    assert set(drawn.panel) == {spread, task}
    assert drawn.value.notna().all()

    source.write_text(OWN_METRIC.format(factor=2))  # another source: another sweep
    sweep(config(*overrides))
    assert len(list(folder.parent.iterdir())) == 2


def test_certified_metrics_are_measured_where_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", scales=("s2", "s3"), count=1200)
    metrics = "task.metrics=[certified@20,certified_risk@20]"
    sweep(config(metrics, "bootstrap.resamples=20"))
    told = capsys.readouterr().out
    assert "certified with probability 0.9; test, msp" in told
    assert "differences on test, msp: cascade minus baseline" in told
    sweep(config(metrics, "bootstrap.resamples=20"))
    assert capsys.readouterr().out == told  # read from the files of the sweep
    (folder,) = (tmp_path / "outputs" / "sweeps" / "t").iterdir()
    table = read_table(folder)
    names = {"certified@20", "certified_risk@20"}
    rows = table[table.metric.isin(names)]
    assert rows.groupby("policy").metric.nunique().to_dict() == {"single": 2, "ensemble": 2, "window": 2}
    for name in ("averages", "differences"):
        assert names <= set(pd.read_csv(folder / f"{name}.csv").metric), name
    assert set(pd.read_csv(folder / "fronts.csv").metric) & names == {"certified@20"}
    assert not set(pd.read_csv(folder / "equal_quality.csv").metric) & names
    assert all(rule.certified is not None for rule in read_rules(folder))
    drawn = points(table, FigureConfig("f", panels=["certified@20"]), read_averages([folder]))
    assert set(drawn.look) == {"single", "ensemble", "window"}
    sweep(config("task.metrics=[]", "guarantee.delta=0.3"))
    sweep(config("task.metrics=[]", "guarantee.seed=3"))
    (plain,) = (other for other in folder.parent.iterdir() if other != folder)  # no number depends on the guarantee
    sweep(config(metrics, "guarantee.delta=0.3", f"fronts.reference={plain}", "name=u"))
    (other,) = (tmp_path / "outputs" / "sweeps" / "u").iterdir()
    volumes = pd.read_csv(other / "fronts.csv").groupby("metric").hypervolume.first()
    assert volumes.isna().to_dict() == {"cov@20": False, "deployed_cov@20": False, "certified@20": True}
    sweep(config(metrics, f"fronts.reference={other}", "name=v"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["task.metrics=[certified@0]"], "a certified risk is greater than 0 and less than 100 per cent"),
        (["task.metrics=[certified_fpr@5]"], "no metric 'certified_fpr@5'"),
        (["task.metrics=[certified@20]"], "the split val of toy is too small for certified metrics"),
        (["task.metrics=[certified@5]", "policy.names=window"], "for windows that are set for cov@5 alone"),
    ],
)
def test_what_cannot_be_certified_is_refused_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=30, group=30)
    with pytest.raises(WeeError, match=message):
        sweep(config(*overrides))
    assert not (tmp_path / "outputs" / "store" / ".scores").exists()


def test_a_guarantee_out_of_range_is_refused() -> None:
    with pytest.raises(WeeError, match="guarantee.delta is 1: it is the probability that a guarantee fails"):
        config("guarantee.delta=1")


PLUGIN = '''
from dataclasses import dataclass

import numpy as np

from wee.method import Interval, IntervalRule


@dataclass(frozen=True)
class Middle:
    """The middle share of the confidences goes on."""

    share: float
    score: str = "msp"

    def fit(self, validation):
        ends = [(1 - self.share) / 2, (1 + self.share) / 2]
        lines = (np.quantile(summary.scores[self.score], ends) for summary in validation.summaries[:-1])
        return IntervalRule(self.score, [Interval(float(low), float(high)) for low, high in lines])
'''


def test_a_policy_of_your_own_is_swept_and_drawn_like_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "wee")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "swept_policy.py").write_text(PLUGIN)
    fill_store(tmp_path / "outputs" / "store", count=90)
    mine = "swept_policy:Middle"

    def run() -> list[Path]:
        cfg = config("bootstrap.resamples=20", "validation.sizes=[60]", "validation.draws=2")
        cfg.policy = PolicyConfig(["single", "ensemble", "window", mine], parameters={mine: {"share": [0.1, 0.3]}})
        sweep(cfg)
        return sorted(folder.parent for folder in (tmp_path / "outputs" / "sweeps").rglob("sweep.json"))

    (folder,) = run()
    table = read_table(folder)
    shares = ["share=0.1", "share=0.3"]
    for rows in (table, *(pd.read_csv(folder / f"{name}.csv") for name in ("fronts", "averages", "validation"))):
        assert set(rows[rows.policy == mine].parameters) <= set(shares)
        assert (rows.policy == mine).any()
        assert rows[rows.policy != mine].parameters.isna().all()
    assert set(table[table.policy == mine].parameters) == set(shares)
    compared = pd.read_csv(folder / "differences.csv").query("policy == @mine")
    assert set(compared.parameters) == set(shares)
    assert {"single", "full"} <= set(compared.versus)
    macs = table[(table.split == "val") & (table.policy == mine) & (table.scale == "s1")].groupby("parameters").macs
    assert macs.mean().to_dict() == pytest.approx({"share=0.1": 1.1e6, "share=0.3": 1.3e6}, rel=0.03)
    (low, high) = (rule for rule in read_rules(folder)[-2:] if isinstance(rule.rule, IntervalRule))
    assert [rule.setting["parameters"] for rule in (low, high)] == shares

    with pytest.raises(WeeError, match=r"several settings of policy swept_policy:Middle \(share=0.1; share=0.3\)"):
        points(table, FigureConfig("f", panels=["cov@20"], policies=["single", mine]))
    figure = FigureConfig("f", panels=["cov@20"], policies=["single", "window", mine], parameters="share=0.3")
    numbers = points(table, figure, read_averages([folder]))
    assert set(numbers[numbers.look == mine].parameters) == {"share=0.3"}
    assert "Middle" in {line.get_label() for line in draw(numbers, figure).axes[0].lines}
    for kind in ("tradeoff", "hypervolume"):
        assert mine in set(points(table, FigureConfig("f", kind, ["cov@20"], policies=["single", mine])).look)
    study = FigureConfig("f", "validation", ["cov@20"], policies=["single", mine], parameters="share=0.1")
    assert mine in set(points(read_validation([folder]), study).look)

    assert run() == [folder]
    assert "this sweep over these logits is there already" in caplog.text
    (tmp_path / "swept_policy.py").write_text(PLUGIN + "\n# other source\n")
    assert len(run()) == 2


@pytest.mark.parametrize(
    ("names", "parameters", "message"),
    [
        (["windows"], {}, "no policy 'windows'; did you mean 'window'"),
        ([], {}, "no policy is chosen; choose from single"),
        (
            ["window"],
            {"threshold": {"quantile": 1}},
            "policy.parameters is about threshold, which is not in policy.names",
        ),
        (["window"], {"window": {"widht": 1}}, "no parameter 'widht' of policy window; did you mean 'width'"),
        (["window"], {"window": {"score": "msp"}}, r"score for window: scores, tasks .* are those of the sweep"),
        (["window"], {"window": 0.3}, "policy.parameters has 0.3 for window: give its parameters by name"),
        (["middle_policy:Middle"], {}, "the policy middle_policy:Middle needs a value for share"),
    ],
)
def test_parameters_of_policies_are_checked(
    names: list[str],
    parameters: dict[str, object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "middle_policy.py").write_text(PLUGIN)
    with pytest.raises(WeeError, match=message):
        PolicyConfig(names, parameters=parameters)


def test_values_of_parameters_are_refused_before_anything_is_read() -> None:
    cfg = composed("sweep", "policy=paper")  # there is no store to read
    assert isinstance(cfg, SweepConfig)
    cfg.policy = PolicyConfig(["window"], parameters={"window": {"width": [0.2, 3]}})
    with pytest.raises(WeeError, match="a window cannot be 3 wide"):
        sweep(cfg)


def test_a_share_of_ood_data_is_part_of_a_sweep_unless_it_is_one_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=60, ood=True)
    names = {"default": (), "half": ("ood_share=0.5",), "several": ("ood_share=[0.1,0.5]",)}
    folders = {}
    for name, overrides in names.items():
        sweep(config("task.names=[risk@50]", *overrides, f"name={name}"))
        (folders[name],) = (tmp_path / "outputs" / "sweeps" / name).iterdir()
    about = {name: read_about(folder) for name, folder in folders.items()}
    without_names = [
        {key: value for key, value in about[name].items() if key != "name"} for name in ("default", "half")
    ]
    assert without_names[0] == without_names[1]
    assert "ood_share" not in about["default"]
    assert about["several"]["ood_share"] == [0.1, 0.5]
    assert set(read_table(folders["several"]).ood_share.dropna()) == {0.1, 0.5}
    with pytest.raises(WeeError, match="ood is empty"):
        sweep(config("ood_share=0.1", "dataset.ood=[]"))


def imported(root: Path, members: int, scale: str = "s1") -> None:
    """Import made-up logits of data set "mine" and family "mynet" into a store."""
    rng = np.random.default_rng(0)
    arrays = {f"{name}_logits": rng.normal(size=(members, 30, 3)) for name in ("val", "test", "noise")}
    arrays |= {f"{name}_labels": np.arange(30) % 3 for name in ("val", "test")}
    np.savez(root / "logits.npz", **arrays)
    names = ("dataset=stored", "dataset.name=mine", "family=stored", "family.name=mynet")
    cfg = composed("import", f"file={root / 'logits.npz'}", *names, f"scale={scale}", "macs=1e9")
    assert isinstance(cfg, ImportConfig)
    import_logits(cfg)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("dataset.name=mine", "family.name=mynet"),
            (
                "logits of mine/mynet without networks; take them with dataset=stored dataset.name=mine family=stored "
                "family.name=mynet"
            ),
        ),
        (
            ("dataset.name=mine",),
            "dataset=stored dataset.name=mine family=stored family.name=mynet; networks of family tiny are evaluated first",
        ),
        (
            ("dataset=stored", "dataset.name=mine"),
            "take them with dataset=stored dataset.name=mine family=stored family.name=",
        ),
        (
            ("dataset=stored", "dataset.name=mine", "family=stored", "family.name=mynet"),
            (
                "Import them: wee import file=FILE dataset.name=mine family.name=mynet scale=s1 macs=NUMBER, or use the "
                "members that are there: ensemble=alone 'ensemble.members=[0]'"
            ),
        ),
    ],
)
def test_missing_logits_that_can_only_be_imported_are_not_to_be_evaluated(
    overrides: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imported(tmp_path, members=1)
    for command, run, more in (("sweep", sweep, ("name=t",)), ("calibrate", calibrate, ("budget.macs=2e9",))):
        if command == "calibrate" and "family=stored" not in overrides:
            continue  # it looks for the weights first
        with pytest.raises(WeeError, match=re.escape(message)) as error:
            run(composed(command, *overrides, *more))  # type: ignore[operator]
        assert "Make them" not in str(error.value)


def test_sets_that_only_some_members_have_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    imported(tmp_path, members=2)
    shutil.rmtree(next((tmp_path / "outputs/store/mine/mynet/s1/1").glob("ood-noise-*")))
    stored = ("dataset=stored", "dataset.name=mine", "family=stored", "family.name=mynet")
    with pytest.raises(WeeError, match="or choose among the sets that all members have: dataset.ood=NAME$"):
        sweep(composed("sweep", *stored, "name=t"))  # type: ignore[arg-type]


def test_no_ood_set_of_a_stored_data_set_is_taken_if_none_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = StoredConfig(name="toy", ood=["far"])
    assert chosen_sets(dataset, "ood") == ["far"]
    chosen = ["dataset=stored", "ood=none"]
    monkeypatch.setattr(from_store, "overrides", lambda: chosen)
    assert chosen_sets(StoredConfig(name="toy"), "ood") == []
    assert chosen_sets(StoredConfig(name="toy"), "shift") == "all"
    with pytest.raises(WeeError, match=r"ood=none contradicts dataset.ood=\['far'\]"):
        chosen_sets(dataset, "ood")
    chosen[-1] = "ood=photos"
    with pytest.raises(WeeError, match="ood=photos names sets of images, .* choose its sets with dataset.ood=NAME"):
        chosen_sets(dataset, "ood")
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=30, ood=True)
    chosen[-1] = "scale=s1"
    assert list(resolve(config()).ood) == ["far"]
    chosen[-1] = "ood=none"
    assert list(resolve(config()).ood) == []
