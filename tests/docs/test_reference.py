"""The reference is complete: every key of every config has a text, and everything in a catalogue stands on a page."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.pages import ROOT, pages
from wee.app.docstrings import field_texts
from wee.app.keys import config_keys, default_choices, schema_keys
from wee.cascade.formats import EXPORT_FORMATS
from wee.commands import COMMANDS, find_command
from wee.commands.shorthand import ACTIONS
from wee.costs import COSTS
from wee.data.kinds import DATA_KINDS
from wee.doctor.checks import CHECKS
from wee.figures.kinds import FIGURE_KINDS
from wee.method import METRICS, POLICIES, SCORES
from wee.models.config import ScaleConfig


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    """The extension that writes the reference. It needs the packages of the extra `docs`."""
    pytest.importorskip("sphinx")
    file = ROOT / "docs" / "_site" / "generated.py"
    spec = importlib.util.spec_from_file_location("generated", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", COMMANDS)
def test_every_key_of_a_command_has_a_text(name: str) -> None:
    command = find_command(name)
    command.register()
    keys = config_keys(name, command.root)
    assert [key.name for key in keys if not key.text] == []
    assert "paths.outputs" in [key.name for key in keys]


@pytest.mark.parametrize("schema", [*(kind.config for kind in DATA_KINDS.values()), ScaleConfig])
def test_every_key_of_a_part_has_a_text(schema: type) -> None:
    assert [key.name for key in schema_keys(schema) if not key.text] == []


def test_a_key_without_a_text_is_noticed() -> None:
    @dataclasses.dataclass
    class Base:
        """A config.

        Attributes:
            first, second: two numbers.
        """

        first: int = 1
        second: int = 2

    @dataclasses.dataclass
    class Derived(Base):
        """Another one.

        Attributes:
            second: the second number,
                on two lines.
        """

        third: int = 3

    assert field_texts(Derived) == {"first": "two numbers.", "second": "the second number, on two lines.", "third": ""}
    assert [(key.name, key.default) for key in schema_keys(Derived, "part") if not key.text] == [("part.third", 3)]


def test_defaults_are_those_of_the_command() -> None:
    command = find_command("calibrate")
    command.register()
    keys = {key.name: key for key in config_keys("calibrate", command.root)}
    assert keys["bootstrap.resamples"].default == 1000
    assert keys["ensemble"].section
    assert keys["guarantee.risk"].type == "float | None"
    assert default_choices("calibrate")["task"] == "cov@5"


def test_every_place_for_generated_text_is_filled(generated: ModuleType) -> None:
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        filled = generated.fill(text)
        assert not re.search(r"^<!-- generated", filled, re.MULTILINE)
        assert len(filled) > len(text) or not generated.PLACE.search(text)


def test_readers_of_the_source_are_told_what_prints_the_generated_text(generated: ModuleType) -> None:
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        notes = generated.NOTE.findall(text)
        assert len(notes) == bool(generated.PLACE.search(text)), page.name
        assert not generated.NOTE.search(generated.fill(text))
        if page.stem in COMMANDS:
            assert f"`wee {page.stem} --help` prints it" in notes[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_with_its_keys(name: str, generated: ModuleType) -> None:
    text = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    assert f"<!-- generated: command {name} -->" in text
    keys = re.findall(r"\{configkey\} (\S+)", generated.fill(text))
    assert keys == [key.name for key in config_keys(name, find_command(name).root)]
    assert f"\n{name}\n" in (ROOT / "docs" / "reference" / "index.md").read_text()


def test_every_catalogue_stands_on_its_page(generated: ModuleType) -> None:
    page = generated.fill((ROOT / "docs" / "reference" / "catalogues.md").read_text(encoding="utf-8"))
    for catalogue in (SCORES, POLICIES, COSTS, DATA_KINDS, FIGURE_KINDS, EXPORT_FORMATS):
        for name, thing in catalogue.items():
            assert f"`{name}`" in page
            assert thing.help[1:].split("|")[0] in page
    for kind in METRICS.values():
        assert f"`{kind.form}`" in page
    for check in CHECKS:
        assert f"`{check.name}`" in page
    store = generated.fill((ROOT / "docs" / "reference" / "store.md").read_text(encoding="utf-8"))
    assert all(f"`wee store {action}`" in store for action in ACTIONS)


def test_the_public_names_of_the_method_are_documented(generated: ModuleType) -> None:
    import wee.method

    text = generated.fill((ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8"))
    assert [name for name in wee.method.__all__ if f"wee.method.{name}\n" not in text] == []


def test_a_shared_text_is_split(generated: ModuleType) -> None:
    lines = ["Args:", "    low, high: the ends,", "        both included.", "    level: a share."]
    ends = ["the ends,", "        both included."]
    assert generated.split_shared_texts(lines) == [
        "Args:", f"    low: {ends[0]}", ends[1], f"    high: {ends[0]}", ends[1], "    level: a share.",
    ]  # fmt: skip


def test_every_figure_is_in_the_gallery() -> None:
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    drawn = [path.relative_to(ROOT).as_posix() for path in (ROOT / "experiments").rglob("*.png")]
    assert [path for path in drawn if f"](../{path})" not in gallery] == []


def test_the_readme_fits_on_a_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_links_of_the_readme_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
        assert [target for target in targets if not Path(ROOT, target).exists()] == []
