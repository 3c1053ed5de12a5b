"""What users may write in place of overrides: `wee store ls digits/tiny`, `wee data check`, `wee import costs.latency_ms=3`.

Imports nothing heavy, apart from the config of `wee store` where keys are compared with it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from wee.commands import find_command

STORE = "store"
"""The name of the command whose first word is an action."""

ACTIONS: Mapping[str, str] = {
    "ls": "list entries: what made them, their sizes, costs and state",
    "verify": "compare every byte with its checksum; exit code 1 if anything is damaged",
    "rm": "remove the selected entries",
    "gc": "remove what interrupted runs and repairs have left behind",
    "share": "keep labels, ids and groups that many entries have in common once",
    "export": "write the selected entries to one file, to carry them to another machine",
    "import": "copy the entries of such a file into the store",
}
"""The actions of `wee store`, each with a description of one line."""

DEFAULT_ACTION = "ls"

FREE: Mapping[str, tuple[str, ...]] = {
    "import": ("costs", "labels", "names"),
    "calibrate": ("budget",),
    "best": ("budget",),
}
"""Keys of commands that hold entries of any name. Hydra would ask for a `+` before an entry that is new."""

_FILES = ("export", "import")
_ADDRESS = ("dataset", "family", "scale", "member", "split")
_SELECTED = (*_ADDRESS, "key")
_FLAGS = ("json", "full")
_WORD = re.compile(r"[A-Za-z0-9_.*?+%@/-]+")
_OVERRIDE = re.compile(r"[+~]*[A-Za-z0-9_.@/]+=.*|~.*", re.DOTALL)


def as_overrides(command: str, arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a command as Hydra reads them.

    Args:
        command: the name of the command.
        arguments: the arguments as users write them.

    Raises:
        WeeError: the name of something that entries are selected by is misspelt.

    Example:
        >>> as_overrides("store", ["ls", "scale=s*", "apply=true"])
        ['action=ls', "select.scale='s*'", 'apply=true']
        >>> as_overrides("store", ["rm", "digits/tiny/s1"])
        ['action=rm', "select.dataset='digits'", "select.family='tiny'", "select.scale='s1'"]
        >>> as_overrides("store", ["export", "all.weestore"])
        ['action=export', "file='all.weestore'"]
        >>> as_overrides("doctor", ["--json"])
        ['json=true']
        >>> as_overrides("import", ["costs.latency_ms=3.2", "macs=1e9"])
        ['++costs.latency_ms=3.2', 'macs=1e9']
    """
    given = list(arguments)
    if command == "data":
        return given[1:] if given[:1] == ["check"] else given
    if command == "doctor":
        return [_doctor(word) for word in given]
    if command in FREE:
        return [f"++{word}" if _sets(word, FREE[command]) else word for word in given]
    return _store(given) if command == STORE else given


def _sets(word: str, keys: Iterable[str]) -> bool:
    """Return whether an argument is an override, without a prefix, of one of some keys or of an entry in one."""
    key, equals, _ = word.partition("=")
    return bool(equals) and key.partition(".")[0] in keys


def _doctor(word: str) -> str:
    if word.startswith("--") and word[2:] in _FLAGS:
        return f"{word[2:]}=true"
    match = re.fullmatch(r"only=([a-z]+(?:,[a-z]+)+)", word)
    return f"only=[{match[1]}]" if match else word


def _store(given: list[str]) -> list[str]:
    overrides: list[str] = []
    action = ""
    flag = False  # whether the previous argument is an option that takes a value
    for argument in given:
        if argument.startswith("-") or _OVERRIDE.fullmatch(argument) or flag:
            overrides.append(_selected(argument))
        elif not action:
            action = argument
            overrides.append(f"action={_quoted(argument)}")
        elif action in _FILES and not any(word.startswith("file=") for word in overrides):
            overrides.append(f"file={_quoted(argument, always=True)}")
        else:
            names = [name for name in argument.split("/") if name]
            overrides += [
                f"select.{key}={_quoted(name, always=True)}" for key, name in zip(_ADDRESS, names, strict=False)
            ]
            overrides += names[len(_ADDRESS) :]  # too many: Hydra refuses them
        flag = argument in ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p")
    return overrides


def _selected(argument: str) -> str:
    """Return an override of a name of entries as one of `select`; its value stays text, even if it looks like a number."""
    key, equals, value = argument.partition("=")
    if not equals or key not in _SELECTED:
        _check_spelling(key)
        return argument
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    parts = [part.strip() for part in inner.split(",")]
    if not all(_WORD.fullmatch(part) for part in parts):
        return f"select.{key}={value}"
    quoted = [_quoted(part, always=True) for part in parts]
    one = len(quoted) == 1 and inner is value
    return f"select.{key}={quoted[0] if one else '[' + ','.join(quoted) + ']'}"


def _check_spelling(key: str) -> None:
    """Check that a key is not the misspelt name of something that entries are selected by.

    Raises:
        WeeError: it is.
    """
    if key in _SELECTED or key.startswith("-"):
        return
    others = [*(field.name for field in dataclasses.fields(find_command(STORE).root)), "hydra"]
    if not any(key.startswith(known) for known in others):
        import difflib

        if difflib.get_close_matches(key, [*_SELECTED, *others], n=1)[:1] in [[name] for name in _SELECTED]:
            from wee.errors import unknown

            raise unknown("key", key, [*_SELECTED, *others])


def _quoted(text: str, always: bool = False) -> str:
    if _WORD.fullmatch(text) and not always:
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
