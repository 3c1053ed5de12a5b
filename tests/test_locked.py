"""The versions that CI installs: what is locked with hashes is what `make install` uses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
UNHASHED = {"torch", "torchvision"}  # from another index, without CUDA


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text())


def test_the_locked_versions_are_those_of_the_constraints() -> None:
    locked = pins((ROOT / ".github" / "locked.txt").read_text())
    assert locked == {name: version for name, version in CONSTRAINTS.items() if name not in UNHASHED}


def test_every_locked_package_has_hashes() -> None:
    for block in re.split(r"\n(?=[a-z])", (ROOT / ".github" / "locked.txt").read_text().partition("make lock\n")[2]):
        assert "--hash=sha256:" in block, block


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        assert requirement.specifier.contains(CONSTRAINTS[canonicalize_name(requirement.name)]), str(requirement)
