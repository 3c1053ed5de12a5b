"""The floors of the house: imports point down, and one word means one thing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLOORS = [
    ["errors", "files", "identity", "machine", "versions", "units", "compat", "catalogue", "app"],
    ["method"],
    ["members", "models", "data", "costs", "store"],
    ["sweep", "lit"],
    ["figures"],
    ["commands", "stages", "cli", "__main__"],
]
"""The rooms of each floor, from the ground up. A module may import from its own floor and from those below it."""

UPWARD: set[tuple[str, str]] = set()
"""Imports that still point up, each to be removed."""


def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its dotted name."""
    paths = sorted((ROOT / "wee").rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: ast.parse(path.read_text()) for name, path in zip(names, paths, strict=True)}


MODULES = modules()


def imports(name: str, at_run_time: bool = False) -> set[str]:
    """The modules of the package that a module imports, inside functions too.

    Args:
        name: the importing module.
        at_run_time: leave out imports for type checkers alone, and those inside functions.
    """
    tree = MODULES[name]
    nodes = list(ast.walk(tree))
    if at_run_time:
        nodes = [node for node in tree.body]
    imported = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            imported |= submodules if len(submodules) == len(node.names) else submodules | {node.module}
    return {module for module in imported if module in MODULES and module not in (name, "wee")}


def floor(name: str) -> int:
    room = name.split(".")[1]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_is_on_a_floor() -> None:
    rooms = {name.split(".")[1] for name in MODULES if "." in name}
    assert rooms == {room for rooms in FLOORS for room in rooms}


def test_imports_point_down() -> None:
    upward = {
        (name, other) for name in MODULES if name != "wee" for other in imports(name) if floor(other) > floor(name)
    }
    assert upward == UPWARD


def test_no_modules_import_each_other_in_a_circle() -> None:
    remaining = {name: imports(name, at_run_time=True) for name in MODULES}
    while True:
        free = {name for name, others in remaining.items() if not others & remaining.keys()}
        if not free:
            break
        remaining = {name: others for name, others in remaining.items() if name not in free}
    assert remaining == {}


def test_no_class_name_is_defined_twice() -> None:
    names = Counter(node.name for tree in MODULES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_module_is_named_like_another_with_an_ending() -> None:
    stems = {name.rpartition(".")[2] for name in MODULES}
    assert {stem for stem in stems for ending in ("ing", "ed") if stem + ending in stems} == set()


def test_plugins_of_hydra_know_the_application_alone() -> None:
    for path in (ROOT / "hydra_plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wee"):
                assert (node.module or "").startswith(("wee.app", "wee.errors"))


@pytest.mark.parametrize(
    "module", ["wee.method.scores", "wee.costs", "wee.commands", "wee.sweep.config", "wee.figures.config"]
)
def test_catalogues_and_configs_import_no_torch(module: str) -> None:
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
