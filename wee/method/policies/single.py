"""The policy of a single network: no sample goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Single(Policy):
    """No sample goes on, so that only the first network runs."""

    name: ClassVar[str] = "single"
    label: ClassVar[str] = "single models"
    help: ClassVar[str] = "each network alone"
    look: ClassVar[Look] = Look("#555555", "o")
    role: ClassVar[Role] = Role.ALONE
    baseline: ClassVar[bool] = True

    def fit(self, validation: Stages) -> FixedRule:
        """Return the rule with which all samples leave at the first stage."""
        return FixedRule(0)
