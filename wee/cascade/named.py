"""Settings of a sweep, named by their columns: the saved rule, and the policy that fits it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from wee.cascade.config import SettingConfig
from wee.data.splits import VAL
from wee.errors import WeeError
from wee.method import Convention, Policy, Rule, Task
from wee.method.policies import GIVEN, FixedRule, Role
from wee.sweep.cells import read_width, write_width
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.pool import Pool
from wee.sweep.results import ABOUT, find_sweeps, read_about, read_rules
from wee.sweep.rows import NAMES
from wee.sweep.rules import SavedRule
from wee.sweep.settings import settings

SHOWN = 6
"""The number of values that a message lists."""


@dataclass(frozen=True)
class NamedSetting:
    """A setting of a sweep.

    Attributes:
        folder: the folder of the sweep.
        saved: the saved rule, with its lineup and its columns.
        policy: the policy that the rule was fitted by.
        entries: the entries of the store that the sweep read: their address, key and checksum, as text.
    """

    folder: Path
    saved: SavedRule
    policy: Policy
    entries: frozenset[str]

    @property
    def rule(self) -> Rule:
        """The saved rule of a cascade with a stage for each member or exit.

        Raises:
            WeeError: the rule was not saved.
        """
        if self.saved.role is not Role.CASCADE:  # a sweep keeps one stage for members that always run together
            return FixedRule(len(self.saved.lineup) - 1)
        if self.saved.rule is None:
            raise WeeError(f"the rule of this setting was not saved: {self.saved.not_saved}")
        return self.saved.rule

    @property
    def refits(self) -> bool:
        """Whether the policy is fitted to validation samples. Members that always run together have nothing to fit."""
        return self.saved.role is Role.CASCADE

    def acceptance(self, task: Task, score: str) -> float | None:
        """Return the saved acceptance threshold for a task and a final confidence; None if there is none."""
        found = (entry.least for entry in self.saved.acceptance if (entry.task, entry.eval_score) == (str(task), score))
        return next(found, None)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweep and the record of the saved rule as strict JSON data."""
        return {"sweep": f"{self.folder.parent.name}/{self.folder.name}", **self.saved.to_dict()}


def find_setting(root: Path, wanted: SettingConfig, task: Task, score: str) -> NamedSetting:
    """Find the setting of a sweep that some columns name.

    Args:
        root: the folder of all sweeps.
        wanted: the sweep and the columns.
        task: the task, of settings that were fitted for one.
        score: the confidence that decides, in settings that decide by one.

    Raises:
        WeeError: there is no such sweep, it has no saved rules, or none or several of its settings fit.
    """
    (folder, *others) = find_sweeps(root, [wanted.sweep])
    if others or not (folder / ABOUT).is_file():
        raise WeeError(f"setting.sweep={wanted.sweep} is not one sweep: give the name or the folder of one sweep")
    fitting = read_rules(folder)
    for name, value in {**wanted.columns, "task": str(task), "score": score}.items():
        remaining = [rule for rule in fitting if _fits(rule, name, value)]
        if not remaining:
            existing = dict.fromkeys(str(rule.setting[name]) for rule in fitting if rule.setting[name] is not None)
            option = name if name in GIVEN else f"setting.{name}"
            raise WeeError(
                f"no such setting in the sweep {wanted.sweep} has {name} {value}: choose {option} from "
                f"{_listed(existing) or 'none, as no such setting has it'}"
            )
        fitting = remaining
    if len(fitting) > 1:
        raise WeeError(_ambiguous(fitting, wanted.sweep))
    (saved,) = fitting
    about = read_about(folder)
    entries = frozenset(entry_text(*entry) for entry in about["entries"])
    return NamedSetting(folder, saved, _policy(saved, about), entries)


def entry_text(address: object, key: str, checksum: int) -> str:
    """Return an entry of the store as text, for comparisons."""
    return f"{address} {key} {checksum}"


def check_entries(named: NamedSetting, pool: Pool) -> None:
    """Check that the networks of a setting have the logits on the validation set that the sweep read.

    Raises:
        WeeError: a member was evaluated again, or with other weights, after the sweep.
    """
    lineup = {(stage.family, stage.scale, stage.member) for stage in named.saved.lineup}
    for entry in pool.entries:
        address = entry.address
        if address.split != VAL or (address.family, address.scale, address.member) not in lineup:
            continue
        if entry_text(address, entry.key, entry.checksum) not in named.entries:
            raise WeeError(
                f"the sweep {named.folder} read other logits of {address} than those in the store now, so that its rule is "
                "about other networks: sweep again"
            )


def _fits(rule: SavedRule, name: str, value: Any) -> bool:
    """Return whether a setting has a value in a column; tasks and scores fit settings that have none."""
    actual = rule.setting[name]
    if name in GIVEN:
        return actual is None or actual == value
    if name == "width":
        return (
            actual is not None and write_width(read_width(actual if isinstance(actual, str) else str(actual))) == value
        )
    if isinstance(value, float):
        return actual is not None and float(actual) == value
    return str(actual) == str(value)


def _ambiguous(rules: Sequence[SavedRule], sweep: str) -> str:
    """Return the message for several settings: the columns in which they differ, with their values."""
    parts = []
    for name in NAMES:
        values = list(dict.fromkeys(str(rule.setting[name]) for rule in rules))
        if len(values) > 1 and name in SettingConfig.names():
            parts.append(f"setting.{name} ({_listed(values)})")
    return f"{len(rules)} settings of the sweep {sweep} fit; name one of them by {' and '.join(parts)}"


def _listed(values: Iterable[str]) -> str:
    """Return the first values of a column, separated by commas."""
    first = list(values)
    return ", ".join(first[:SHOWN]) + (", .." if len(first) > SHOWN else "")


def _policy(saved: SavedRule, about: Mapping[str, Any]) -> Policy:
    """Return the policy of a setting, from the configs that the sweep enumerated its settings from."""
    task = TaskConfig(**about["task"])
    configs = (PolicyConfig(**about["policy"]), WindowConfig(**about["window"]), ScoreConfig(**about["score"]))
    tasks = [Task.parse(name) for name in task.names]
    convention = cast("Convention", task.convention)
    for setting in settings(saved.role, len(saved.lineup), *configs, tasks, convention):
        columns = {**setting.columns, "task": None if setting.task is None else str(setting.task)}
        columns["width"] = write_width(columns["width"])
        if all(str(saved.setting[name]) == str(value) for name, value in columns.items()):
            return setting.policy
    raise WeeError(f"the sweep has no policy for the setting {dict(saved.setting)}; sweep again")
