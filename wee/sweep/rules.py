"""The fitted rules of a sweep: what a setting decides by, so that what was swept can be run.

A sweep writes a line of JSON for each setting (`RULES`), and `wee.sweep.results.read_rules` reads it back to rules of the same
decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from wee.errors import WeeError
from wee.method import Rule, rule_from_dict, rule_to_dict
from wee.method.policies import Role
from wee.method.policies.rules import number_to_json

VERSION = 1
"""Version of the records."""


@dataclass(frozen=True)
class LineupMember:
    """A member, or an exit of a member, that runs in a lineup.

    Attributes:
        family, scale: which architecture.
        member: its number.
        exit: the number of its exit, counted from 1; None for a network with one output.
        temperature: what its logits are divided by; None if temperatures are not fitted.
    """

    family: str
    scale: str
    member: int
    exit: int | None
    temperature: float | None


@dataclass(frozen=True)
class Acceptance:
    """The threshold of a deployed system.

    Attributes:
        task: the task that it is set for on the validation set.
        eval_score: the final confidence that is compared with it.
        least: the least final confidence that is accepted; it may be infinite.
    """

    task: str
    eval_score: str
    least: float


@dataclass(frozen=True)
class SavedRule:
    """A fitted rule of one setting.

    Attributes:
        setting: the columns of the table that name the setting, such as `members`, `policy`, `width` and `task`.
        lineup: what runs, in order.
        role: how it works together, one of `wee.method.policies.Role`. Unless it is a cascade, there is one stage.
        combine: how outputs are combined: "average" over what has run, or "replace" by the latest.
        rule: the rule; None where a plug-in's rule cannot be saved.
        acceptance: the acceptance thresholds by task and evaluation score.
        adjusted: the rule moved to an unlabelled stream, by the OOD set in the stream.
        not_saved: why there is no rule; None where there is one.
    """

    setting: Mapping[str, Any]
    lineup: Sequence[LineupMember]
    role: Role
    combine: str
    rule: Rule | None
    acceptance: Sequence[Acceptance] = ()
    adjusted: Mapping[str, Rule] = field(default_factory=dict)
    not_saved: str | None = None

    def with_adjusted(self, ood: str, rule: Rule) -> SavedRule:
        """The same with a rule moved to the stream that has an OOD set."""
        return replace(self, adjusted={**self.adjusted, ood: rule})

    def to_dict(self) -> dict[str, Any]:
        """The record as strict JSON data."""
        reason = self.not_saved
        rules: dict[str | None, Any] = {}
        for ood, rule in ((None, self.rule), *self.adjusted.items()):
            try:
                rules[ood] = None if rule is None else rule_to_dict(rule)
            except WeeError as error:
                reason = str(error)
        return {
            "version": VERSION,
            "setting": {name: _plain(value) for name, value in self.setting.items()},
            "lineup": [vars(member) for member in self.lineup],
            "role": str(self.role),
            "combine": self.combine,
            "rule": rules.pop(None, None),
            "adjusted": rules,
            "acceptance": [{**vars(entry), "least": number_to_json(entry.least)} for entry in self.acceptance],
            "not_saved": reason,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SavedRule:
        """Read what `to_dict` gives.

        Raises:
            WeeError: the record has another version or lacks a field, or a rule cannot be read.
        """
        if record.get("version") != VERSION:
            raise WeeError(f"the record is of version {record.get('version')}, and this version of wee reads {VERSION}")
        try:
            return cls(
                record["setting"],
                [LineupMember(**member) for member in record["lineup"]],
                Role(record["role"]),
                record["combine"],
                None if record["rule"] is None else rule_from_dict(record["rule"]),
                [
                    Acceptance(entry["task"], entry["eval_score"], float(entry["least"]))
                    for entry in record["acceptance"]
                ],
                {ood: rule_from_dict(rule) for ood, rule in record["adjusted"].items()},
                record["not_saved"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeeError(f"the record cannot be read: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    """A value of a column as JSON has it; anything that is no text and no finite number as a text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return float(value) if isinstance(value, float) and isfinite(value) else str(value)
