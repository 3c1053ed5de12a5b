"""The commands that make a sweep, and the cascade of one of its settings, again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from wee.method.policies import PARAMETERS
from wee.sweep.cells import FAMILIES, NUMBERS, SCALES, Joined, read_width
from wee.sweep.rules import SavedRule

NETWORKS = ("dataset", "family", "cost", "pick", "shift", "paths")
"""The config groups and fields of a sweep that say which networks and logits it reads; calibration needs the same."""


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
