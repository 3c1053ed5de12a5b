"""Lightning's loggers, one run for each member."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.command_line import QUICK, SMALL, Wee
from wee.app.paths import conf_dir
from wee.errors import WeeError
from wee.lit import loggers


def training(tmp_path: Path) -> loggers.Training:
    return loggers.Training("name", "member", tmp_path / "folder", {"member": 0})


@pytest.mark.parametrize("name", sorted(loggers.KINDS))
def test_each_kind_is_told_what_lightnings_class_takes(name: str, tmp_path: Path) -> None:
    from lightning.pytorch import loggers as known  # after wee, which repairs torchvision

    kind = loggers.KINDS[name]
    options = OmegaConf.load(conf_dir() / "logger" / f"{name}.yaml")[name]
    options = dict.fromkeys(options)  # names alone: some values refer to other configs
    inspect.signature(getattr(known, kind.cls)).bind(**kind.options(training(tmp_path), options))


def test_what_cannot_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="csv"):
        loggers.check({"cvs": {}})
    refused = pytest.raises(WeeError, match="its options are those of Lightning's CSVLogger")
    with refused, loggers.recording({"csv": {"colour": "red"}}, training(tmp_path)):
        pass


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    loggers.check({"csv": {}})
    with pytest.raises(WeeError, match=rf"logger={name} needs the package {name}: pip install 'wee\[{name}\]'"):
        loggers.check({name: {}})


def test_options_of_the_config_have_priority(tmp_path: Path) -> None:
    options = loggers.KINDS["mlflow"].options(training(tmp_path), {"run_name": "mine", "tags": {"study": "first"}})
    assert options == {"run_name": "mine", "tags": {loggers.MEMBER_TAG: "member", "study": "first"}}


def test_curves_go_to_several_places(tmp_path: Path, wee: Wee) -> None:
    pytest.importorskip("tensorboardX")
    wee("train", "logger=[csv,tensorboard]", "scale=s1", "member=0", *SMALL, *QUICK, cwd=tmp_path)
    (folder,) = (path for path in (tmp_path / "outputs" / "runs" / "train").rglob("tiny-s1-member-0") if path.is_dir())
    assert "val/accuracy" in (folder / "metrics.csv").read_text()
    assert list(folder.rglob("events.out.tfevents.*"))


def test_no_curves_are_kept_where_none_are_wanted(tmp_path: Path, wee: Wee) -> None:
    wee("train", "logger=none", "scale=s1", "member=0", *SMALL, *QUICK, cwd=tmp_path)
    assert not list((tmp_path / "outputs").rglob("metrics.csv"))
