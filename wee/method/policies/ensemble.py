"""The policy of an ensemble: everything goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Ensemble(Policy):
    """Everything goes on: the whole ensemble."""

    name: ClassVar[str] = "ensemble"
    label: ClassVar[str] = "ensembles"
    help: ClassVar[str] = "all members on every sample, their outputs averaged"
    look: ClassVar[Look] = Look("#D55E00", "s", (0, (4, 1.5)))
    role: ClassVar[Role] = Role.TOGETHER
    baseline: ClassVar[bool] = True

    def fit(self, validation: Stages) -> FixedRule:
        """The rule for any data set."""
        return FixedRule(len(validation) - 1)
