"""The policy of a single network: nothing goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Single(Policy):
    """Nothing goes on: the first network alone."""

    name: ClassVar[str] = "single"
    label: ClassVar[str] = "single models"
    help: ClassVar[str] = "each network alone"
    look: ClassVar[Look] = Look("#555555", "o")
    role: ClassVar[Role] = Role.ALONE
    baseline: ClassVar[bool] = True

    def fit(self, validation: Stages) -> FixedRule:
        """The rule for any data set."""
        return FixedRule(0)
