"""The overview of the studies is what its command prints, from the pages that it links to."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture
def overview(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module("overview")


def test_the_overview_is_what_its_command_prints() -> None:
    command = [sys.executable, str(EXPERIMENTS / "overview.py")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EXPERIMENTS / "README.md").read_text(encoding="utf-8")


def test_every_page_has_a_row(overview: ModuleType) -> None:
    page = overview.page()
    pages = {path.relative_to(EXPERIMENTS).as_posix() for path in EXPERIMENTS.rglob("*.md")}
    studies = {name for name in pages if not name.startswith("figures/") and not name.endswith(".page.md")}
    missing = [name for name in studies - {"README.md"} if f"({name})" not in page]
    assert missing == []


def test_a_difference_is_read_with_its_intervals(overview: ModuleType) -> None:
    gain = overview.Compared.read("w24", "-0.49 [-0.71, -0.27] {-0.94, -0.04}", sign=-1)
    assert (gain.value, gain.own, gain.all) == (0.49, (0.27, 0.71), (0.04, 0.94))
    assert (gain.wins, gain.loses, str(gain)) == (True, False, "w24 +0.49 {+0.04, +0.94}")
    same = overview.Compared.read("w16", "+0.00 [+0.00, +0.00]")
    assert (same.all, same.wins, same.loses) == (None, False, False)


def test_another_number_on_a_page_changes_the_overview(
    overview: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cifar10", "text"):
        (tmp_path / name).mkdir()
        for page in (EXPERIMENTS / name).glob("*.md"):
            shutil.copy(page, tmp_path / name)
    shutil.copy(EXPERIMENTS / "README.page.md", tmp_path)
    monkeypatch.setattr(overview, "HERE", tmp_path)
    before = overview.page()
    page = tmp_path / "cifar10" / "README.md"
    row = next(line for line in page.read_text("utf-8").splitlines() if line.startswith("| w24 | single models |"))
    changed = row.replace(row.split("|")[4], " +9.00 [+8.00, +9.90] {-7.00, +9.99} ")
    page.write_text(page.read_text("utf-8").replace(row, changed), encoding="utf-8")
    after = overview.page()
    assert "w24 +9.00 {-7.00, +9.99}" in after
    assert "w24 +9.00" not in before
    page.write_text(
        page.read_text("utf-8").replace("| cascade of | against |", "| cascade | against |"), encoding="utf-8"
    )
    with pytest.raises(SystemExit, match=r"cifar10/README\.md has no table under"):
        overview.page()
