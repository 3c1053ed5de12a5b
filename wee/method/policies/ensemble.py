"""The policy of an ensemble: all samples go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy, Role
from wee.method.policies.rules import FixedRule


@dataclass(frozen=True)
class Ensemble(Policy):
    """All samples go on to the last stage, so that the whole ensemble runs."""

    name: ClassVar[str] = "ensemble"
    label: ClassVar[str] = "ensembles"
    help: ClassVar[str] = "all members on every sample, their outputs averaged"
    look: ClassVar[Look] = Look("#D55E00", "s", (0, (4, 1.5)))
    role: ClassVar[Role] = Role.TOGETHER
    baseline: ClassVar[bool] = True

    def fit(self, validation: Stages) -> FixedRule:
        """Return the rule with which all samples leave at the last stage."""
        return FixedRule(len(validation) - 1)
