"""The floors of the package: imports point down, nothing goes in circles, every name means one thing."""

from __future__ import annotations

import ast
import graphlib
import itertools
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = [
    {
        "dates",
        "errors",
        "files",
        "identity",
        "interruption",
        "machine",
        "records",
        "versions",
        "units",
        "compat",
        "catalogue",
        "app",
    },  # ground
    {"method"},
    {"members", "models", "data", "costs", "store"},  # things
    {"sweep", "lit"},  # runs
    {"figures", "explore", "cascade", "doctor", "api"},  # use
    {"cli", "__main__", "commands", "stages"},  # command line
]
"""The rooms of each floor, from the lowest. The package itself (`wee/__init__.py`) stands above them all."""


@dataclass(frozen=True)
class Import:
    """An import of one module of the package by another.

    Attributes:
        source: The module that imports.
        target: The module that is imported.
        types: Whether the import is for type checkers alone (`if TYPE_CHECKING`).
    """

    source: str
    target: str
    types: bool


def modules(folder: str = "wee") -> dict[str, ast.Module]:
    """The syntax trees of all modules below a folder, by name."""
    trees = {}
    for file in sorted((ROOT / folder).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(file.read_text())
    return trees


def imports(trees: Mapping[str, ast.Module], known: Mapping[str, ast.Module]) -> Iterator[Import]:
    """All imports of known modules, also those inside functions."""
    for source, tree in trees.items():
        typing_blocks = [
            node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ]
        for_types = {node for block in typing_blocks for part in block.body for node in ast.walk(part)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{source} has a relative import"
                # `from wee.data import digits` imports a module; `from wee.data.base import Split` a name of one.
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in known else str(node.module) for name in whole]
            else:
                continue
            yield from (Import(source, target, node in for_types) for target in targets if target in known)


def room(module: str) -> str:
    return module.split(".")[1]


def floor(module: str) -> int:
    places = [place for place, rooms in enumerate(FLOORS) if module != "wee" and room(module) in rooms]
    return len(FLOORS) if module == "wee" else places[0]


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Sets of nodes that reach each other: one for each circle found, until none is left."""
    graph, found = {node: set(targets) for node, targets in graph.items()}, []
    while True:
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1]
            found.append(set(circle))
            for target, source in itertools.pairwise(circle):  # graphlib lists a node after what it leads to
                graph[source].discard(target)
        else:
            return found


def graph_of(edges: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = defaultdict(set)
    for source, target in edges:
        if source != target:
            graph[source].add(target)
    return graph


TREES = modules()
IMPORTS = list(imports(TREES, TREES))


def test_the_parser_sees_lazy_and_typing_imports() -> None:
    tree = ast.parse(
        "from typing import TYPE_CHECKING\nimport wee.errors\nif TYPE_CHECKING:\n    from wee.store import Address\n"
        "def f():\n    from wee import sweep\n    from wee.sweep import run\n"
    )
    known = dict.fromkeys(("wee", "wee.errors", "wee.store", "wee.sweep", "wee.sweep.run"), tree)
    assert set(imports({"wee.made.up": tree}, known)) == {
        Import("wee.made.up", "wee.errors", False), Import("wee.made.up", "wee.store", True),
        Import("wee.made.up", "wee.sweep", False), Import("wee.made.up", "wee.sweep.run", False),
    }  # fmt: skip
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"b", "c"}]
    assert len(IMPORTS) > 300
    assert any(found.types for found in IMPORTS)


def test_every_room_stands_on_a_floor() -> None:
    assert {room(module) for module in TREES if module != "wee"} == set().union(*FLOORS)


def test_imports_point_down() -> None:
    """Imports for type checkers count: a signature that names something of a higher floor belongs there."""
    upward = [f"{edge.source} -> {edge.target}" for edge in IMPORTS if floor(edge.target) > floor(edge.source)]
    assert not upward


def test_no_modules_import_each_other_in_circles() -> None:
    """Imports for type checkers do not count: they never run, and two halves of one thing may name each other."""
    graph = graph_of((edge.source, edge.target) for edge in IMPORTS if not edge.types)
    assert not circles(graph)


def test_no_rooms_import_each_other_in_circles() -> None:
    inside = [edge for edge in IMPORTS if "wee" not in (edge.source, edge.target)]
    assert not circles(graph_of((room(edge.source), room(edge.target)) for edge in inside))


def test_plugins_of_hydra_import_the_application_alone() -> None:
    edges = list(imports(modules("hydra_plugins"), TREES))
    assert edges
    assert {room(edge.target) for edge in edges} <= {"app", "errors"}


def test_tests_import_from_no_other_test() -> None:
    """Tests share helpers, in `tests.helpers`, and fixtures, in files named `conftest`."""
    trees = modules("tests")
    between = {
        (edge.source, edge.target)
        for edge in imports(trees, trees)
        if not f"{edge.target}.".startswith("tests.helpers.")
    }
    assert not between
    assert any(edge.target.startswith("tests.helpers.") for edge in imports(trees, trees))


def test_no_class_name_is_defined_twice() -> None:
    homes = defaultdict(list)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(module)
    assert not {name: places for name, places in homes.items() if len(places) > 1}


def test_no_module_is_named_like_another_with_an_ending() -> None:
    """The old names of commands, in `wee.stages`, are kept for one release and do not count."""
    names = {module.split(".")[-1].strip("_") for module in TREES if not module.startswith("wee.stages")}
    endings = {
        name: {f"{stem}{ending}" for stem in (name, name.removesuffix("e")) for ending in ("ing", "ed")}
        for name in names
    }
    assert not [(name, other) for name, others in endings.items() for other in others & names]


def catalogues() -> list[str]:
    """The modules that define a catalogue at their top level."""
    return [
        module
        for module, tree in TREES.items()
        if any(
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and isinstance(node.value, ast.Call)
            and "Catalogue" in ast.unparse(node.value.func)
            for node in tree.body
        )
    ]


def test_catalogues_import_nothing_heavy() -> None:
    homes = catalogues()
    assert {"wee.method.scores", "wee.costs", "wee.figures.kinds", "wee.cascade.formats"} <= set(homes)
    script = (
        f"import importlib, sys\nfor name in {homes!r}:\n    importlib.import_module(name)\n"
        "    heavy = [m for m in ('torch', 'matplotlib', 'lightning') if m in sys.modules]\n"
        "    assert not heavy, (name, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["wee.commands", "wee.sweep.config", "wee.figures.config"])
def test_configs_import_no_torch(module: str) -> None:
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


@pytest.mark.parametrize("kept", ["train", "evaluate", "importing", "sweep", "figure", "families", "checking"])
def test_old_names_of_commands_are_aliases(kept: str) -> None:
    lines = [node for node in TREES[f"wee.stages.{kept}"].body if not isinstance(node, ast.Expr)]
    assert len(lines) <= 3
