"""Catalogues and plug-ins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wee.catalogue import Catalogue, check_attributes
from wee.errors import WeeError


@dataclass(frozen=True)
class Thing:
    name: str
    label: str = ""
    help: str = ""
    value: int = 0


def adapt(name: str, found: Any) -> Thing:
    check_attributes("thing", name, found, ["value"])
    return Thing(name, value=found.value)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue[Thing]:
    (tmp_path / "plugged.py").write_text("class Mine:\n    value = 3\n\nclass Empty:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "plugged", raising=False)
    return Catalogue("thing", [Thing("one", value=1), Thing("two", value=2)], adapt)


def test_built_in_things_are_a_mapping(things: Catalogue[Thing]) -> None:
    assert list(things) == ["one", "two"]
    assert things["two"] is things.find("two")
    assert things.source("one") is None


def test_plugins_are_found_by_module_and_name(things: Catalogue[Thing], tmp_path: Path) -> None:
    mine = things.find("plugged:Mine")
    assert (mine.name, mine.value) == ("plugged:Mine", 3)
    assert things.find("plugged:Mine") is mine
    assert "plugged:Mine" not in things
    first = things.source("plugged:Mine")
    (tmp_path / "plugged.py").write_text("class Mine:\n    value = 4\n")
    assert first != things.source("plugged:Mine")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tow", "no thing 'tow'; did you mean 'two'.*of your own is named as module:Name"),
        (
            "nosuch:Mine",
            "no thing 'nosuch:Mine': No module named 'nosuch'; is the folder of nosuch.py on the PYTHONPATH",
        ),
        ("plugged:Other", "the module plugged has no Other"),
        ("plugged:Empty", "the thing plugged:Empty has no value; a thing needs value"),
    ],
)
def test_what_does_not_exist_is_told(things: Catalogue[Thing], name: str, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        things.find(name)


def test_a_name_is_used_once() -> None:
    with pytest.raises(WeeError, match="two things of the kind thing are called one"):
        Catalogue("thing", [Thing("one"), Thing("one")], adapt)
