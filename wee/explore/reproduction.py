"""The commands that make a sweep, and the cascade of one of its settings, again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wee.method import SCORES, Metric, Task
from wee.method.policies import PARAMETERS
from wee.method.scores import DEFAULT_SCORE
from wee.sweep.cells import FAMILIES, NUMBERS, SCALES, Joined, read_width
from wee.sweep.results import FROM_EXPERIMENTS, MADE_BY, RULES, is_sweep, read_about, read_rules
from wee.sweep.rows import NAMES
from wee.sweep.rules import SavedRule

NETWORKS = ("dataset", "family", "cost", "pick", "shift", "paths")
"""The config groups and fields of a sweep that say which networks and logits it reads; calibration needs the same."""


@dataclass(frozen=True)
class SettingCommands:
    """The commands that make a setting of a sweep again.

    Attributes:
        sweep: the command that makes the sweep; None if the sweep does not have it.
        calibrate: the command that makes a cascade that runs with the setting; None if there is none.
        reason: why there is no such command; empty if there is one.
    """

    sweep: str | None
    calibrate: str | None
    reason: str = ""


def setting_commands(folders: Iterable[Path], row: Mapping[str, Any]) -> SettingCommands:
    """Return the commands that make the setting of a row of a table again.

    Args:
        folders: the folders of the sweeps, one of which has the row.
        row: the row, by column.

    Raises:
        WeeError: a file of a sweep is damaged.
    """
    cells = setting_cells(row[name] for name in NAMES)
    for folder in folders:
        if not is_sweep(folder) or not (folder / RULES).is_file() or not _is_priced_by(folder, str(row["cost"])):
            continue
        for saved in read_rules(folder):
            if setting_cells(saved.setting[name] for name in NAMES) == cells:
                return _commands(folder, saved, row)
    return SettingCommands(None, None, "The sweep has no fitted rule for it.")


def _is_priced_by(folder: Path, cost: str) -> bool:
    """Return whether a sweep is priced by a cost; one that does not say by which may be."""
    return read_about(folder).get("cost", {}).get("measure") in (None, cost)


def _commands(folder: Path, saved: SavedRule, row: Mapping[str, Any]) -> SettingCommands:
    """Return the commands that make a setting of a sweep again, with the task and the score of a row of the table."""
    about = read_about(folder)
    made, metric = about.get(MADE_BY), Metric.parse(str(row["metric"]))
    task = saved.setting["task"] or task_of(metric) or _deployed_for(metric, about) or first_task(about)
    score, eval_score = saved.setting["score"], row["eval_score"]
    if eval_score is None or eval_score != eval_score:  # a metric of the predictions alone
        eval_score = score or DEFAULT_SCORE
    reason = not_calibrated(saved)
    if not reason and made is None:
        reason = "The sweep is of an earlier version, which kept no command."
    if not reason and (task is None or not Metric.parse(str(task)).on_id):
        reason = "Cascades are calibrated for tasks of ID data alone."
    if not reason and (score not in (None, eval_score) or SCORES.find(eval_score).several):
        decides = "" if score is None else f", here {score}"
        reason = (
            f"A cascade accepts by the score that decides exits{decides}, and these results are ranked by {eval_score}."
        )
    if reason:
        return SettingCommands(made, None, reason)
    words = [*calibrate_words(str(made), str(folder), about.get(FROM_EXPERIMENTS, [])), *setting_words(saved)]
    words += [task_word(str(task))] if saved.setting["task"] is None else []
    words += [f"score={eval_score}"] if score is None else []
    return SettingCommands(made, shlex.join(words))


def _deployed_for(metric: Metric, about: Mapping[str, Any]) -> str | None:
    """Return the task of a sweep that a deployed metric belongs to; None if there is none."""
    tasks = [Task.parse(str(name)) for name in about.get("task", {}).get("names", [])]
    return next((str(task) for task in tasks if metric.name in [m.name for m in Metric.deployed_for(task)]), None)


def setting_cells(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return cells that name a setting in a form in which those of a table and those of a record are equal."""
    return tuple(_cell(value) for value in values)


def _cell(value: Any) -> str | float | None:
    if value is None or value != value:  # NaN
        return None
    return value if isinstance(value, str) else float(value)


def task_of(metric: Metric) -> str | None:
    """Return the task of ID data that a metric belongs to; None if there is none, or if its name does not say which."""
    task = metric.task if metric.certified is None else metric.operated_for
    return str(task) if task is not None and task.metric.on_id else None


def first_task(about: Mapping[str, Any]) -> str | None:
    """Return the first task of ID data of a sweep; None if it has none.

    Args:
        about: the description of the sweep.
    """
    tasks = (str(name) for name in about.get("task", {}).get("names", []))
    return next((name for name in tasks if Metric.parse(name).on_id), None)


def network_words(command: str) -> list[str]:
    """Return the words of a sweep's command line that say which networks and logits it reads."""
    words = shlex.split(command)[2:]
    return [word for word in words if word.startswith("--config-dir=") or _group(word) in NETWORKS]


def calibrate_words(command: str, folder: str, from_experiments: Iterable[str] = ()) -> list[str]:
    """Return the beginning of the command that calibrates a setting of a sweep.

    Args:
        command: The command line that made the sweep.
        folder: The folder of the sweep.
        from_experiments: What the sweep has from experiments of the user, as overrides. The experiments themselves may set keys
            that calibration does not have.

    Example:
        >>> calibrate_words("wee sweep dataset=digits family=tiny +experiment=demo", "outputs/sweeps/demo/1a2b")
        ['wee', 'calibrate', 'dataset=digits', 'family=tiny', 'setting.sweep=outputs/sweeps/demo/1a2b']
    """
    return ["wee", "calibrate", *network_words(command), *from_experiments, f"setting.sweep={folder}"]


def setting_words(saved: SavedRule) -> list[str]:
    """Return the overrides that name a setting of a sweep, and the task and the score that it is fitted for."""
    setting = saved.setting
    several: dict[str, Joined[Any]] = {"scale": SCALES, "members": NUMBERS, "exits": NUMBERS}
    words = [f"setting.policy={setting['policy']}"]
    for name, joined in several.items():
        if setting[name] is not None:
            words.append(f"setting.{name}={_list(joined.read(setting[name]))}")
    words.append(f"setting.size={setting['size']}")
    if setting["width"] is not None:
        width = read_width(setting["width"] if isinstance(setting["width"], str) else float(setting["width"]))
        words.append(f"setting.width={_list(width) if isinstance(width, tuple) else width}")
    if setting["fraction"] is not None:
        words.append(f"setting.fraction={setting['fraction']}")
    if setting[PARAMETERS] is not None:
        words.append(f"setting.{PARAMETERS}='{setting[PARAMETERS]}'")
    words += [] if setting["task"] is None else [task_word(str(setting["task"]))]
    words += [] if setting["score"] is None else [f"score={setting['score']}"]
    return words


def task_word(task: str) -> str:
    """Return the override that chooses a task: a choice of the group, or for a task of a plug-in, a value."""
    return f"task.names=[{task}]" if ":" in task else f"task={task}"


def not_calibrated(saved: SavedRule) -> str:
    """Return why `wee calibrate` cannot make the cascade of a setting; empty if it can."""
    if len(FAMILIES.read(str(saved.setting["family"]))) > 1:
        return "wee calibrate makes no cascades across families."
    if saved.rule is None:
        return f"The fitted rule was not saved: {saved.not_saved}."
    return ""


def _list(values: Iterable[Any]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _group(word: str) -> str:
    """Return the first part of the key of an override: "dataset" of "+dataset.name=x"."""
    return word.partition("=")[0].lstrip("+~").partition(".")[0]
