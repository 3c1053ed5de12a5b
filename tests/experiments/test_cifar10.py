"""The page about CIFAR-10 says what the committed logits say."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.command_line import Wee
from wee.sweep.results import find_sweeps, read_table

PAGE = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", PAGE / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["sc", "scod", "ood"])
def test_the_page_has_the_numbers_of_the_sweep(tables: ModuleType, kind: str, tmp_path: Path, wee: Wee) -> None:
    shutil.copytree(PAGE / "store", tmp_path / "outputs" / "store", ignore=shutil.ignore_patterns(".scores"))
    names = f"task.names=[{','.join(tables.PANELS[kind])}]"
    wee("sweep", f"+experiment={kind}", "dataset=cifar10", "family=cifar_resnet", names, cwd=tmp_path)
    (folder,) = find_sweeps(tmp_path / "outputs" / "sweeps", [tables.NAME.format(kind=kind)])
    table = read_table(folder)
    page = (PAGE / "README.md").read_text().splitlines()
    lines = [*tables.policies(table, tables.PANELS[kind]), *tables.kept(table, tables.PANELS[kind])]
    lines += tables.members(table) if kind == "sc" else []
    assert len(lines) > 10
    assert [line for line in lines if line not in page] == []


def test_the_page_about_the_validation_set_has_the_numbers_of_the_study(
    tables: ModuleType, tmp_path: Path, wee: Wee
) -> None:
    shutil.copytree(PAGE / "store", tmp_path / "outputs" / "store", ignore=shutil.ignore_patterns(".scores"))
    wee("sweep", "+experiment=validation_size", "dataset=cifar10", "family=cifar_resnet", cwd=tmp_path)
    sweeps = tmp_path / "outputs" / "sweeps"
    (folder,) = find_sweeps(sweeps, [tables.NAME.format(kind="validation_size")])
    about = json.loads((folder / "sweep.json").read_text())
    assert about["validation"] == {"sizes": [250, 500, 1000, 2500, 5000], "draws": 100, "seed": 0}
    assert "validation.csv" in about["files"]
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
