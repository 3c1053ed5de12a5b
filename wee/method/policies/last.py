"""The policy in which all networks run and the last one gives the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Last(Policy):
    """All samples go on to the last stage, and the output is that of the last network alone."""

    name: ClassVar[str] = "last"
    label: ClassVar[str] = "last stage alone, all run"
    help: ClassVar[str] = "all members on every sample, the output of the last; with ensemble.combine=replace"
    look: ClassVar[Look] = Look("#56B4E9", "X", (0, (5, 1, 1, 1, 1, 1)))
    role: ClassVar[Role] = Role.LAST

    def fit(self, validation: Stages) -> FixedRule:
        """Return the rule with which all samples leave at the last stage."""
        return FixedRule(len(validation) - 1)
