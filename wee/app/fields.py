"""The small languages that config fields are written in. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
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
    """A value, or a list of values, as a list: users write one where there is one."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return [value]


def as_lists(key: str, value: Any) -> list[list[Any]]:
    """Nothing, a list, or a list of lists, as a list of lists."""
    if value is None:
        return []
    outer = as_list(value)
    inner = [as_list(one) for one in outer] if any(isinstance(one, (list, tuple)) for one in outer) else [outer]
    if not all(inner):
        raise WeeError(f"{key} has an empty list in it")
    return inner


def choose(what: str, value: Any, existing: Sequence[Any], of: str = "") -> list[Any]:
    """Read a field that takes one value, a list of them, or "all".

    Args:
        what: the kind of thing, as it reads in a sentence.
        value: what the user wrote.
        existing: what there is to choose from.
        of: what the things belong to, for messages.

    Returns:
        The chosen ones in the order written, each once.

    Raises:
        WeeError: something does not exist, or nothing was chosen.
    """
    if value == "all":
        return list(existing)
    chosen = list(dict.fromkeys(as_list(value)))
    # A command line reads 100_160 as a number, and drops the underscore.
    by_name = {str(one).replace("_", ""): one for one in existing if str(one).replace("_", "").isdigit()}
    by_name |= {str(one): one for one in existing}
    for one in chosen:
        if str(one) not in by_name:
            raise unknown(what, one, [*existing, "all"], of=of)
    chosen = [by_name[str(one)] for one in chosen]
    if not chosen:
        raise WeeError(f"no {what} is chosen; choose from {', '.join(map(str, existing))}, or all")
    return chosen


def short(values: list[Any], everything: list[Any]) -> Any:
    """Values as a user would write them on a command line: nothing where all are meant, one without a list."""
    return None if values == everything else values[0] if len(values) == 1 else values


def check_name(key: str, name: str) -> None:
    """Refuse what cannot be the name of a file or folder.

    Raises:
        WeeError: it is empty or leads elsewhere.
    """
    if not name or name.startswith(".") or "/" in name:
        raise WeeError(f"{key} is '{name}': it names a file or folder, and has no slashes and no dot in front")
