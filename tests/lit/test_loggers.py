"""Lightning's loggers, one run for each member."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from lightning.pytorch import loggers as known
from omegaconf import OmegaConf

from tests.helpers.command_line import QUICK, SMALL, Wee
from wee.app.paths import conf_dir
from wee.errors import WeeError
from wee.lit import loggers


@pytest.mark.parametrize("kind", sorted(loggers.KINDS))
def test_each_kind_is_told_what_lightnings_class_takes(kind: str) -> None:
    cls, _, told = loggers.KINDS[kind]
    options = OmegaConf.load(conf_dir() / "logger" / f"{kind}.yaml")[kind]
    options = dict.fromkeys(options)  # names alone: some values refer to other configs
    inspect.signature(getattr(known, cls)).bind(**{**told(Path("folder"), "name"), **options})


def test_what_cannot_log_is_refused() -> None:
    with pytest.raises(WeeError, match="csv"):
        loggers.check({"cvs": {}})
    with pytest.raises(WeeError, match="its options are those of Lightning's CSVLogger"):
        loggers.loggers({"csv": {"colour": "red"}}, Path("a/b"), "x")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    loggers.check({"csv": {}})
    with pytest.raises(WeeError, match="logger=wandb needs the package wandb: pip install wandb"):
        loggers.check({"wandb": {}})


def test_curves_go_to_several_places(tmp_path: Path, wee: Wee) -> None:
    pytest.importorskip("tensorboardX")
    wee("train", "logger=[csv,tensorboard]", "scale=s1", "member=0", *SMALL, *QUICK, cwd=tmp_path)
    (folder,) = (path for path in (tmp_path / "outputs" / "runs" / "train").rglob("tiny-s1-member-0") if path.is_dir())
    assert "val/accuracy" in (folder / "metrics.csv").read_text()
    assert list(folder.rglob("events.out.tfevents.*"))


def test_no_curves_are_kept_where_none_are_wanted(tmp_path: Path, wee: Wee) -> None:
    wee("train", "logger=none", "scale=s1", "member=0", *SMALL, *QUICK, cwd=tmp_path)
    assert not list((tmp_path / "outputs").rglob("metrics.csv"))
