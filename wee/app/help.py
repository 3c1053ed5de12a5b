"""`wee <command> --help`: what can be swapped, with a line about each choice, and the config.

Hydra's own help lists the groups of all commands, takes twice as long, and has nothing to say about a choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from wee.app.paths import conf_dir

_TEXT = """\
wee {command} [overrides]

What can be swapped (group=choice; * is the default):

{groups}
{values}What can be set (key=value), and its value now:

{config}
wee {command} -m group=a,b    runs several, and goes on when one fails
wee {command} --cfg job       shows the config alone, as YAML that can be piped
wee {command} --hydra-help    Hydra's own help
"""


def command_help(
    command: str, overrides: Sequence[str], config_dir: str | None, values: Mapping[str, Mapping[str, str]]
) -> str:
    """The help of a command.

    Args:
        command: its name.
        overrides: as given beside `--help`; the config is shown with them.
        config_dir: an additional folder of configs, as given by `--config-dir`.
        values: what is said about the values of some keys: by key, a line for each value.
    """
    folders = [conf_dir(), *([Path(config_dir).resolve()] if config_dir else [])]
    search = [f"hydra.searchpath=[file://{folders[1]}]"] if config_dir else []
    with initialize_config_dir(str(folders[0]), version_base="1.3"):
        config = compose(command, overrides=[*search, *overrides], return_hydra_config=True)
    choices = {group: str(choice) for group, choice in config.hydra.runtime.choices.items() if "/" not in group}
    chosen = DictConfig({key: value for key, value in config.items_ex(resolve=False) if key != "hydra"})
    groups = "\n".join(_group(group, choice, folders) for group, choice in reversed(choices.items()))
    experiments = "\n" + _group("+experiment", "", folders) if command == "sweep" else ""
    return _TEXT.format(command=command, groups=f"{groups}{experiments}", values=_values(values), config=_yaml(chosen))


def _values(values: Mapping[str, Mapping[str, str]]) -> str:
    """The names that some keys take, each with its line, and how plug-ins are named."""
    text = ""
    for key, lines in values.items():
        every = {**lines, "module:Name": "one of your own, in a module on the PYTHONPATH"}
        text += f"  {key}\n" + "".join(f"     {value:<18} {line}\n" for value, line in every.items()) + "\n"
    return f"What some keys take (one name or a list of names):\n\n{text}" if text else ""


def _yaml(config: DictConfig) -> str:
    """A config with its short lists on one line each."""
    plain = OmegaConf.to_container(config, resolve=False)
    return str(yaml.safe_dump(plain, default_flow_style=None, sort_keys=False, width=110))


def _group(group: str, chosen: str, folders: Iterable[Path]) -> str:
    """A group's choices, each with the first comment of its file."""
    files = sorted(file for folder in folders for file in (folder / group.lstrip("+")).glob("*.yaml"))
    lines = [f"  {group}"]
    for file in files:
        mark = "*" if file.stem in chosen.strip("[]").replace(",", " ").split() else " "
        lines.append(f"   {mark} {file.stem:<16} {_comment(file)}".rstrip())
    return "\n".join(lines) + "\n"


def _comment(file: Path) -> str:
    comments = (line for line in file.read_text().splitlines() if line.startswith("# ") and "@package" not in line)
    return next(comments, "").removeprefix("# ")
