"""`wee best`: what it prints, what it refuses, and that the commands it names make what it says."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import Wee, last_report
from tests.helpers.configs import composed
from tests.helpers.explored import write_sweeps
from wee.commands.best import BestConfig, best
from wee.errors import WeeError
from wee.sweep.results import ABOUT

GOLDEN = Path(__file__).parents[1] / "golden" / "ensemble.npz"


def config(*overrides: str) -> BestConfig:
    cfg = composed("best", *overrides)
    assert isinstance(cfg, BestConfig)
    return cfg


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("best")
    return folder, write_sweeps(folder)


@pytest.fixture
def sweeps(written: tuple[Path, dict[str, Path]], monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two sweeps in the current folder."""
    folder, swept = written
    monkeypatch.chdir(folder)
    return {name: path.relative_to(folder) for name, path in swept.items()}


def test_a_user_gets_an_answer_and_a_command_that_works(tmp_path: Path, wee: Wee) -> None:
    shutil.copy(GOLDEN, tmp_path / "logits.npz")
    stored = ("dataset.name=golden", "family.name=synthetic")
    wee("import", "file=logits.npz", *stored, "scale=s1", "macs=1e9", cwd=tmp_path)
    sweep = ("dataset=stored", "family=stored", *stored, "task.names=[cov@5]", "window.width=[0.1,0.2]", "name=mine")
    wee("sweep", *sweep, "bootstrap.resamples=20", cwd=tmp_path)
    done = wee("best", "budget.macs=1.5e9", cwd=tmp_path)
    assert "best cov@5 at an average cost of at most 1.5 G MACs" in done.stdout
    report = last_report(tmp_path, "best")
    chosen = report["best"]
    assert chosen["price_val"] <= 1.5e9
    assert chosen["lower"] <= chosen["value"] <= chosen["upper"]
    assert f"{chosen['value']:.2f} [{chosen['lower']:.2f}, {chosen['upper']:.2f}]" in done.stdout
    assert f"make it: {report['calibrate']}" in done.stderr
    assert f"its sweep: {report['sweep']}" in done.stderr
    words = shlex.split(report["calibrate"])
    assert words[:2] == ["wee", "calibrate"]
    wee(*words[1:], "bootstrap.resamples=20", cwd=tmp_path)
    (cascade,) = (tmp_path / "outputs" / "cascades").glob("*/cascade.json")
    setting = json.loads(cascade.read_text())["calibrated_on"]["settings"]["setting"]["setting"]
    assert (setting["policy"], setting["members"]) == (chosen["policy"], report["members"])
    again = wee(*shlex.split(report["sweep"])[1:], cwd=tmp_path)
    assert "this sweep over these logits is there already" in again.stderr


def test_the_metric_is_the_first_task(sweeps: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    best(config("sweeps=first"))
    assert "best cov@20: each policy's best setting" in capsys.readouterr().out
    best(config("sweeps=first", "metric=risk@50"))
    assert "best risk@50: each policy's best setting" in capsys.readouterr().out


def test_both_sweeps_are_searched(
    sweeps: dict[str, Path], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wee")
    best(config(f"sweeps=[{sweeps['second']}]"))
    assert "setting.sweep=outputs/sweeps/second/key-of-second" in caplog.text
    assert "single" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sweeps=first", "budget.macs=10"], "costs at most 10 MACs on the validation set: the cheapest, single at s1"),
        (["sweeps=first", "budget.latency=1"], "these sweeps are priced by macs: give budget.macs, or sweep with cost=latency"),
        (["sweeps=first", "++budget.mac=1"], "there is no cost in these sweeps 'mac'; did you mean 'macs'?"),
        (["sweeps="], "sweeps has an empty name: name a sweep, or give newest"),
        (["sweeps=first", "metric=auroc"], "there is no metric in these sweeps 'auroc'"),
        (["sweeps=other"], "there is no sweep 'other' in outputs/sweeps"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(sweeps: dict[str, Path], overrides: list[str], message: str) -> None:
    with pytest.raises(WeeError) as error:
        best(config(*overrides))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("metric=cov5", "there is no"),
        ("sweeps=[]", "sweeps is empty"),
        ("budget.macs=0", "budget.macs is 0: it is a number above 0"),
        ("budget.macs=cheap", "budget.macs is 'cheap': it is a number above 0"),
        ("++budget=1e6", "budget is 1000000.0: name the cost that it limits, such as budget.macs=1e6"),
        ("budget={macs:1,parameters:2}", "a sweep is priced by one cost, so give one budget"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_read(override: str, message: str) -> None:
    with pytest.raises(Exception, match="budget|sweeps|metric|there is no") as error:
        config(override)
    assert message in str(error.value)


def test_sweeps_of_different_conventions_are_not_compared(sweeps: dict[str, Path]) -> None:
    shutil.copytree(sweeps["second"], "outputs/sweeps/third/key")
    file = Path("outputs/sweeps/third/key", ABOUT)
    about: dict[str, Any] = json.loads(file.read_text())
    about["task"]["convention"] = "strict"
    file.write_text(json.dumps({name: value for name, value in about.items() if name != "crc32"}))
    with pytest.raises(WeeError, match="by different conventions, .*first.* by paper and .*third.* by strict"):
        best(config("sweeps=[first,third]"))
