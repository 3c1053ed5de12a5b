"""The one exception that reaches a user as a message and not as a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WeeError(ValueError):
    """Something a user can put right.

    The message names the thing, says what is wrong with it and what would be right: an existing
    choice, or a command to run. The command line prints it without a traceback.
    """


def unknown(what: str, given: object, choices: Iterable[object], hint: str = "", of: str = "") -> WeeError:
    """An error for a name that does not exist, with the nearest names that do.

    Args:
        what: the kind of thing, as it reads in a sentence ("score", "scale").
        given: what the user wrote.
        choices: what exists.
        hint: a closing sentence, for instance a command that lists or makes what is missing.
        of: what it should belong to ("family tiny").

    Example:
        >>> print(unknown("scale", "smal", ["small", "large"], of="family toy"))
        there is no scale 'smal' of family toy; did you mean 'small'? Known: small, large.
    """
    names = [str(choice) for choice in choices]
    message = f"there is no {what} '{given}'" + (f" of {of}" if of else "")
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.6)
    message += f"; did you mean '{near[0]}'?" if near else "."
    message += f" Known: {', '.join(names)}." if names else " None is known."
    return WeeError(f"{message} {hint}".strip())
