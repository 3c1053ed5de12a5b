"""The exception that users see as a message, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WeeError(ValueError):
    """An error that the user can correct.

    The message names what is wrong and says what would be right: an existing choice, or a command to run. The command line
    prints it without a traceback.
    """


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message; the name of its type if the message is empty.

    Args:
        error: an error of a library, whose message may have many lines, or none.

    Example:
        >>> first_line(ValueError("bad header\nat byte 8")), first_line(EOFError())
        ('bad header', 'EOFError')
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def unknown(what: str, given: object, choices: Iterable[object], hint: str = "", of: str = "") -> WeeError:
    """Return an error for a name that does not exist, with the nearest names that do.

    Args:
        what: the kind of the thing, as messages name it ("score", "scale").
        given: the name that the user gave.
        choices: the names that exist.
        hint: a closing sentence, for instance a command that lists the names or creates what is missing.
        of: the object that should have the thing ("family tiny").

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
