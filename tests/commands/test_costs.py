"""A cost of one's own from the command line: measured beside entries that are there, swept by, and drawn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from wee.data.splits import TEST
from wee.store import LogitStore
from wee.store.entry import Address

PLUGIN = """
class Energy:
    "Energy of one forward pass."
    label, unit = "energy", "J"
    def measure(self, network, transform, channels):
        return 0.001 * sum(p.numel() for p in network.parameters())
    def conditions(self):
        return {"device": "meter"}
"""
COST = "meter:Energy"


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained / "outputs", tmp_path / "outputs")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "meter.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "own"), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def test_a_cost_of_ones_own_from_evaluate_to_the_figure(folder: Path, wee: Wee) -> None:
    common = (*SMALL, "scale=s1", "ood=none")
    sweep = ("sweep", *common, "policy=paper", "task.names=[cov@20]", f"cost={COST}")
    failed = wee(*sweep, cwd=folder, code=1).stderr
    assert (
        "2 members have no cost meter:Energy: tiny/s1 member 0, tiny/s1 member 1 (known: macs, parameters). " in failed
    )
    assert "Measure it: wee evaluate dataset=digits family=tiny " in failed
    assert f"cost={COST}" in failed.split("Measure it: ")[1].split()

    store = LogitStore(folder / "outputs" / "store")
    address = Address("digits", "tiny", "s1", 0, TEST)
    (before,) = store.find(address)
    evaluate = ("evaluate", *common, *QUICK, f"cost=[{COST},parameters]")
    wee(*evaluate, cwd=folder)
    report = last_report(folder, "evaluate")
    assert (report["recorded"], report["already_there"], report["costs_added"]) == ({}, 4, 4)
    (entry,) = store.find(address)
    assert (entry.key, entry.checksum) == (before.key, before.checksum)
    cost = entry.cost(COST, {"device": "meter"})
    assert cost is not None
    assert set(cost.conditions) == {"device", "source"}
    parameters = entry.cost("parameters")
    assert parameters is not None
    assert cost.values == pytest.approx([0.001 * parameters.values[0]])

    shown = wee(*sweep, "+cost.conditions.device=meter", "bootstrap.resamples=20", "name=own", cwd=folder).stdout
    assert "energy (J)" in shown
    assert "MACs" not in shown
    (path,) = (folder / "outputs" / "sweeps" / "own").glob("*")
    table, fronts, differences = (pd.read_csv(path / f"{name}.csv") for name in ("table", "fronts", "differences"))
    assert set(table.cost) == set(fronts.cost) == set(differences.cost) == {COST}
    assert table.macs.isna().all()
    assert np.allclose(table[table.policy == "single"].price, cost.values[0])
    assert (fronts.ref_price > 0).all()
    assert differences.baseline_price.gt(0).all()
    about = json.loads((path / "sweep.json").read_text())
    assert about["cost"]["source"] == cost.conditions["source"]
    assert about["labels"]["costs"] == {COST: "energy"}

    (folder / "own" / "meter.py").unlink()  # what a figure needs to know comes with the sweep
    wee("figure", "sweeps=own", "figure.panels=[cov@20]", "figure.formats=[svg]", "name=f", cwd=folder)
    assert "average energy (J)" in (folder / "outputs" / "figures" / "f.svg").read_text()
    assert set(pd.read_csv(folder / "outputs" / "figures" / "f.csv").cost) == {COST}


def test_help_and_completion_offer_the_costs_of_the_catalogue(folder: Path, wee: Wee) -> None:
    told = wee("evaluate", "--help", f"cost=[macs,{COST}]", cwd=folder).stdout
    lines = [line.split() for line in told[told.index("\n  cost\n") :].splitlines()[2:6]]
    assert [line[:2] for line in lines] == [["*", "macs"], ["parameters", "Number"], ["latency", "Mean"], ["*", COST]]
    assert "Energy of one forward pass." in told
    environment = {**os.environ, "COMP_LINE": "wee sweep cost=", "COMP_POINT": "15"}
    command = [sys.executable, "-m", "wee", "-sc", "query=bash"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cost=latency", "cost=macs", "cost=parameters"]
