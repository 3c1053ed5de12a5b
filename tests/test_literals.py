"""The names of things in a catalogue stand as string literals in at most two modules: their own, and the catalogue."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import wee
from wee.cascade.formats import EXPORT_FORMATS
from wee.catalogue import Catalogue
from wee.costs import COSTS
from wee.figures.kinds import FIGURE_KINDS
from wee.method import METRICS, POLICIES, SCORES

CATALOGUES: list[Catalogue] = [SCORES, POLICIES, METRICS, COSTS, FIGURE_KINDS, EXPORT_FORMATS]  # type: ignore[type-arg]
"""The catalogues whose names are counted."""

ROOT = Path(wee.__file__).parent


def literals(tree: ast.Module) -> Iterator[str]:
    """The string literals of a module: without docstrings, other strings that stand alone, and `__all__`."""
    left_out = set()
    for node in ast.walk(tree):
        alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        public = isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets)
        if alone or public:
            left_out |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


@pytest.fixture(scope="module")
def modules() -> dict[str, set[str]]:
    """The string literals of each module of the package."""
    return {
        str(path.relative_to(ROOT)): set(literals(ast.parse(path.read_text()))) for path in sorted(ROOT.rglob("*.py"))
    }


def test_literals_are_counted_without_docstrings() -> None:
    tree = ast.parse('"""one"""\n__all__ = ["two"]\nA = "three"\n"""four"""\ndef f(x="five"):\n    """six"""\n')
    assert set(literals(tree)) == {"three", "five"}


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: catalogue.kind)
def test_a_name_stands_in_two_modules_at_most(catalogue: Catalogue, modules: dict[str, set[str]]) -> None:  # type: ignore[type-arg]
    places = {name: [module for module, found in modules.items() if name in found] for name in catalogue}
    assert all(places.values()), places
    assert {name: found for name, found in places.items() if len(found) > 2} == {}
