"""What depends on the version of Hydra."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hydra.core.global_hydra import GlobalHydra

from wee.app.hydra_compat import composing, parse_arguments
from wee.app.paths import conf_dir
from wee.commands import find_command
from wee.errors import WeeError

ROOT = Path(__file__).parents[2]


def test_one_module_imports_private_parts_of_hydra() -> None:
    importing = set()
    for folder in ("wee", "hydra_plugins", "tests", "benchmarks", "examples"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if any(name.startswith("hydra._") for name in names):
                    importing.add(str(file.relative_to(ROOT)))
    assert importing == {"wee/app/hydra_compat.py"}


def test_flags_may_stand_between_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["wee", "scale=s1", "-m", "member=0,1", "--config-dir", "mine", "score=msp"])
    arguments = parse_arguments()
    assert arguments.multirun
    assert arguments.config_dir == "mine"
    assert arguments.overrides == ["scale=s1", "member=0,1", "score=msp"]
    assert sys.argv == ["wee", "-m", "--config-dir", "mine", "scale=s1", "member=0,1", "score=msp"]


@pytest.mark.parametrize(("flag", "names"), [("--resolvee", "--resolvee"), ("--cfg=everything", "everything")])
def test_a_wrong_flag_is_named(monkeypatch: pytest.MonkeyPatch, flag: str, names: str) -> None:
    monkeypatch.setattr(sys, "argv", ["wee", "scale=s1", flag])
    with pytest.raises(WeeError, match=names):
        parse_arguments()


def test_a_config_of_the_user_may_ask_for_a_multirun(wee: Any, tmp_path: Path) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "many.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {channels: '1,3'}}}\n"
    )
    done = wee("families", "--config-dir=conf", "+experiment=many", "family=tiny", "classes=8", cwd=tmp_path)
    assert done.stdout.count("for images of") == 2


@pytest.mark.parametrize("multirun", ["-m", "hydra.mode=MULTIRUN"])
def test_an_override_may_ask_for_a_multirun(multirun: str, wee: Any, tmp_path: Path) -> None:
    done = wee("families", multirun, "family=tiny", "classes=8", "channels=1,3", cwd=tmp_path)
    assert done.stdout.count("for images of") == 2


def test_a_config_can_be_composed_while_another_one_is_in_use() -> None:
    find_command("families").register()
    with composing(str(conf_dir())):
        with composing(str(conf_dir())):
            assert compose("families", overrides=["family=tiny"]).family.name == "tiny"
        assert compose("families", overrides=["family=resnet"]).family.name == "resnet"
    assert not GlobalHydra.instance().is_initialized()
