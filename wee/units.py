"""Formatting of numbers."""

from __future__ import annotations


def si(number: float) -> str:
    """Format a number with three digits and an SI prefix: 66.1 k, 3.12 M, 1.02 G."""
    for factor, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{prefix}"
    return f"{number:.3g}"


def in_bytes(number: float) -> str:
    """Format a number of bytes with three digits and an SI prefix: 512 B, 66.1 kB, 3.12 MB."""
    text = si(number)
    return f"{text}B" if " " in text else f"{text} B"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 entry, 2,000 entries.

    Args:
        number: the number.
        noun: the noun in the singular.
        plural: the noun in the plural, if it is not formed with an "s".
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
