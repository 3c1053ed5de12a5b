"""`wee sweep` in this process: what it refuses before it scores anything, and what it says."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.helpers.configs import composed
from tests.helpers.stores import fill_store
from wee.commands.sweep import SweepConfig, sweep
from wee.errors import WeeError
from wee.sweep.results import read_table


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
