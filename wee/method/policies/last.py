"""The policy of a cascade whose stages replace each other's output, if all always run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Last(Policy):
    """Everything goes on, and the output is that of the last network alone."""

    name: ClassVar[str] = "last"
    label: ClassVar[str] = "last stage alone, all run"
    help: ClassVar[str] = "all members on every sample, the output of the last; with ensemble.combine=replace"
    look: ClassVar[Look] = Look("#56B4E9", "X", (0, (5, 1, 1, 1, 1, 1)))
    role: ClassVar[Role] = Role.LAST

    def fit(self, validation: Stages) -> FixedRule:
        """The rule for any data set."""
        return FixedRule(len(validation) - 1)
