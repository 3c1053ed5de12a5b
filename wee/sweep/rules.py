"""The fitted rules of a sweep, saved so that its settings can be run later.

A sweep writes one line of JSON for each setting to the file `wee.sweep.results.RULES`. `wee.sweep.results.read_rules` reads
the lines back as rules that make the same decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from wee.errors import WeeError
from wee.method import OOD_SHARE, Rule, rule_from_dict, rule_to_dict
from wee.method.policies import Role
from wee.method.policies.rules import number_to_json

VERSION = 1
"""Version of the format of the records."""

_CERTIFIED = "certified_system"


def stream_name(ood: str, ood_share: float) -> str:
    """Return the name of the stream that contains a share of an OOD set, by which `SavedRule.adjusted` has its rules.

    Example:
        >>> stream_name("photos", 0.5), stream_name("photos", 1e-5)
        ('photos', 'photos@1e-05')
    """
    return ood if ood_share == OOD_SHARE else f"{ood}@{ood_share:g}"


@dataclass(frozen=True)
class LineupMember:
    """A member, or an exit of a member, that runs in a lineup.

    Attributes:
        family, scale, member: family, scale and number of the member.
        exit: number of the exit, counted from 1; None for a member with one output.
        temperature: temperature that the logits are divided by; None if temperatures are not fitted.
    """

    family: str
    scale: str
    member: int
    exit: int | None
    temperature: float | None


@dataclass(frozen=True)
class Acceptance:
    """The acceptance threshold of a deployed system.

    Attributes:
        task: the task that the threshold is set for, on the validation set. For a certified system, the task with the risk that
            is certified.
        eval_score: name of the score that is the final confidence.
        least: the lowest final confidence that is accepted; it may be infinite.
    """

    task: str
    eval_score: str
    least: float


@dataclass(frozen=True)
class SavedRule:
    """The fitted rule of one setting.

    Attributes:
        setting: the columns of the table that name the setting, such as `members`, `policy`, `width` and `task`.
        lineup: the members or exits that run, in order.
        role: how they work together. For all roles but `Role.CASCADE`, there is one stage.
        combine: how outputs are combined: "average" over those that have run, or "replace" by the latest.
        rule: the fitted rule; None if it is the rule of a plug-in that cannot be saved.
        acceptance: the acceptance threshold for each task and evaluation score.
        adjusted: the rules adjusted to an unlabelled stream, by the name of the stream (see `stream_name`):
            "photos" for a stream that is half OOD, and "photos@0.1" for one with a share of 0.1.
        not_saved: why the rule is not saved; None if it is.
        certified: the same setting as fitted on the tuning part of the validation set, with its own temperatures and certified
            acceptance thresholds; None if no certified metric is measured for it.
    """

    setting: Mapping[str, Any]
    lineup: Sequence[LineupMember]
    role: Role
    combine: str
    rule: Rule | None
    acceptance: Sequence[Acceptance] = ()
    adjusted: Mapping[str, Rule] = field(default_factory=dict)
    not_saved: str | None = None
    certified: SavedRule | None = None

    def with_adjusted(self, ood: str, rule: Rule, ood_share: float = OOD_SHARE) -> SavedRule:
        """Return a copy with the rule adjusted to the stream that contains a share of an OOD set."""
        return replace(self, adjusted={**self.adjusted, stream_name(ood, ood_share): rule})

    def with_certified(self, certified: SavedRule) -> SavedRule:
        """Return a copy with the certified system of the same setting."""
        return replace(self, certified=certified)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as strict JSON data."""
        reason = self.not_saved
        rules: dict[str | None, Any] = {}
        for ood, rule in ((None, self.rule), *self.adjusted.items()):
            try:
                rules[ood] = None if rule is None else rule_to_dict(rule)
            except WeeError as error:
                reason = str(error)
        certified = {} if self.certified is None else {_CERTIFIED: self.certified.to_dict()}
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
            **certified,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the record, so that the rule of a plug-in that cannot be pickled does not matter."""
        return SavedRule.from_dict, (self.to_dict(),)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SavedRule:
        """Make a saved rule from a record, as returned by `to_dict`.

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
                cls.from_dict(record[_CERTIFIED]) if _CERTIFIED in record else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeeError(f"the record cannot be read: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    """Convert a value of a column to JSON data; anything but text, booleans and finite numbers becomes text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return float(value) if isinstance(value, float) and isfinite(value) else str(value)
