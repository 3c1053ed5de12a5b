"""The independent recomputation of numbers on the pages about CIFAR-10."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CIFAR10 = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"
SCRIPT = CIFAR10 / "check.py"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("check")


def test_the_numbers_on_the_pages_are_found_by_another_route() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.endswith("| yes |")]
    assert len(lines) >= 10
    assert done.stdout.splitlines()[-1] == f"{len(lines)} of {len(lines)} numbers agree"


def test_the_other_route_has_nothing_of_the_package() -> None:
    imported = set()
    for node in (
        node for file in (SCRIPT, CIFAR10 / "words.py") for node in ast.walk(ast.parse(file.read_text("utf-8")))
    ):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert imported - sys.stdlib_module_names == {"numpy", "scipy", "sklearn", "words"}


def test_a_number_that_differs_in_its_last_digit_is_reported(check: ModuleType) -> None:
    number = check.Printed("page.md", "a number", "22.3", 1e6)
    lines: list[str] = []
    assert check.report([(number, lambda: 22.349e6), (number, lambda: 22.351e6)], lines.append) == 1
    assert [line.endswith("| yes |\n") for line in lines[1:-1]] == [True, False]
    assert lines[-1] == "\n1 of 2 numbers agree\n"


def test_numbers_are_read_off_the_tables_of_a_page(
    check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "| size | x |\n| --- | ---: |\n"
    page = f"# A\n\n{head}| w16 | 1 |\n\n## B\n\n{head}| w16 | -2.50 [-3.1, 4] |\n"
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    monkeypatch.setattr(check, "HERE", tmp_path)
    number = check.printed("page", "B", {"size": "w16"}, "x", place=1)
    assert (number.text, number.tolerance) == ("-3.1", pytest.approx(0.05, rel=1e-3))
    assert check.printed("page", "B", {"size": "w16"}, "x").value == -2.5
    with pytest.raises(SystemExit, match=r"page\.md has no number under 'B' for w24: x"):
        check.printed("page", "B", {"size": "w24"}, "x")
