"""Reads values of config fields: lists, choices and names. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    T = TypeVar("T")
    Checked = Annotated[T, "after __post_init__"]
else:

    class Checked:
        """The type of a config's field once `__post_init__` has read it: `Checked[list[str]]` is a list of strings.

        OmegaConf has no type for "one value or a list of them", nor for a data set of any kind, so it takes what users write as
        `Any`. Type checkers see the type that the rest of the code works with.
        """

        def __class_getitem__(cls, item: Any) -> Any:
            return Any


def written(value: Any) -> Any:
    """The default of a `Checked` field as a user would write it, before `__post_init__` reads it."""
    return field(default_factory=lambda: value.copy()) if isinstance(value, (list, dict)) else field(default=value)


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and a single value as a list of one: users may write either."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return [value]


def names(value: Any, choices: Iterable[Any]) -> list[str]:
    """The names of a field that is set, or else those that choices of a config group have put in the field beside it.

    Args:
        value: the field: a name, a list of names, or None where it is not set.
        choices: the names of the choices. A mapping, so that Hydra unites several choices of a group (`group=[a,b]`).

    Returns:
        The names, each once.
    """
    return list(dict.fromkeys(map(str, choices if value is None else as_list(value))))


def choice(name: str) -> dict[str, Any]:
    """The config of a choice of a group that a catalogue fills; several unite to one mapping, see `names`."""
    return {"choices": {name: None}}


def as_lists(key: str, value: Any) -> list[list[Any]]:
    """Return None, a list, or a list of lists as a list of lists.

    Raises:
        WeeError: one of the lists is empty.
    """
    if value is None:
        return []
    outer = as_list(value)
    nested = any(isinstance(item, (list, tuple)) for item in outer)
    inner = [as_list(item) for item in outer] if nested else [outer]
    if not all(inner):
        raise WeeError(f"{key} has an empty list in it")
    return inner


def choose(what: str, value: Any, existing: Sequence[Any], of: str = "") -> list[Any]:
    """Read a field that takes one value, a list of them, or "all".

    Args:
        what: the kind of thing, for messages ("scale").
        value: what the user wrote.
        existing: what can be chosen.
        of: what the things belong to, for messages ("family tiny").

    Returns:
        The chosen things in the order written, without repetitions.

    Raises:
        WeeError: something does not exist, or nothing was chosen.
    """
    if value == "all":
        return list(existing)
    chosen = list(dict.fromkeys(as_list(value)))
    # A command line reads 100_160 as a number, and drops the underscore.
    by_name = {str(item).replace("_", ""): item for item in existing if str(item).replace("_", "").isdigit()}
    by_name |= {str(item): item for item in existing}
    for item in chosen:
        if str(item) not in by_name:
            raise unknown(what, item, [*existing, "all"], of=of)
    chosen = [by_name[str(item)] for item in chosen]
    if not chosen:
        raise WeeError(f"no {what} is chosen; choose from {', '.join(map(str, existing))}, or all")
    return chosen


def short(values: list[Any], everything: list[Any]) -> Any:
    """Return values as a user would write them: None for everything, a single value without a list."""
    return None if values == everything else values[0] if len(values) == 1 else values


def check_name(key: str, name: str) -> None:
    """Check that a name can be that of a file or folder.

    Args:
        key: the config field, for messages.
        name: the name.

    Raises:
        WeeError: the name is empty, starts with a dot or contains a slash.
    """
    if not name or name.startswith(".") or "/" in name:
        raise WeeError(f"{key} is '{name}': it names a file or folder, and has no slashes and no dot in front")
