"""The pages about CIFAR-10 say what the committed logits say: every number, in the text and in the tables."""

from __future__ import annotations

import difflib
import importlib.util
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import Wee

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "experiments" / "cifar10"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cifar10_tables", PAGE / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there for their types
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """The sweeps of `make figures DATASET=cifar10` that have numbers on a page, by the very commands of the Makefile."""
    pytest.importorskip("numba", reason="5,000 resamples take minutes without numba")
    folder = tmp_path_factory.mktemp("cifar10")
    shutil.copytree(PAGE / "store", folder / "store", ignore=shutil.ignore_patterns(".scores"))
    targets = ["sc", "scod", "ood", "validation_size"]
    printed = subprocess.run(
        ["make", "-n", *targets, "DATASET=cifar10"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    commands = [shlex.split(line) for line in printed.splitlines() if " sweep " in line]
    assert len(commands) == len(targets)
    for command in commands:
        arguments = [argument for argument in command[1:] if not argument.startswith("paths.store=")]
        wee(*arguments, "paths.store=store", cwd=folder)
    return folder / "outputs" / "sweeps"


def same(name: str, page: str) -> None:
    """Compare a committed page with what its command prints."""
    committed = (PAGE / name).read_text()
    difference = difflib.unified_diff(committed.splitlines(), page.splitlines(), name, "printed", lineterm="", n=0)
    assert committed == page, "\n".join(difference)


def test_the_page_is_what_the_command_prints(tables: ModuleType, sweeps: Path) -> None:
    page = tables.page(sweeps)
    assert page.count("|") > 1000
    same("README.md", page)


def test_the_readme_quotes_the_page(tables: ModuleType, sweeps: Path) -> None:
    facts = tables.facts({kind: tables.Sweep.read(sweeps, kind) for kind in tables.PANELS})
    readme = " ".join((ROOT / "README.md").read_text().split())
    for sentence in (
        f"For {facts['sc_price']} times the MACs of one network, a cascade has {facts['kept_cov5_span']} of what",
        f"At equal MACs it is {facts['sc_cov5_single_span']} points better than single models",
        f"and {facts['sc_cov5_ensemble_span']} points better than ensembles",
        f"had {facts['deployed_risk5_span']} % on the test set",
    ):
        assert sentence in readme


def test_the_page_about_the_validation_set_has_the_numbers_of_the_study(tables: ModuleType, sweeps: Path) -> None:
    lines = tables.validation_page(sweeps).splitlines()
    page = (PAGE / "validation_size.md").read_text().splitlines()
    numbers = [line for line in page if line.startswith("| w")]
    assert len(numbers) == 2 * 5 * 5  # tasks, scales, sizes of the validation set
    assert numbers == [line for line in lines if line.startswith("| w")]
    assert [line for line in lines if line not in page] == []


def test_the_logits_are_small_enough_to_live_in_a_repository() -> None:
    files = [path for path in (PAGE / "store").rglob("*") if path.is_file() and ".scores" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 15_000_000
    for manifest in (path for path in files if path.suffix == ".json"):
        assert "/tmp" not in manifest.read_text()
