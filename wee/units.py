"""Formatting of numbers, and the units that names end with."""

from __future__ import annotations

UNITS = (
    "ns",
    "µs",
    "ms",
    "s",
    "min",
    "h",
    "µJ",
    "mJ",
    "J",
    "kJ",
    "Wh",
    "kWh",
    "kB",
    "MB",
    "GB",
    "g",
    "kg",
    "USD",
    "EUR",
)
"""The units that the name of a cost can end with, as they are shown."""

_SPELLINGS = {spelling.replace("µ", "u"): unit for unit in UNITS for spelling in (unit, unit.lower())}
"""The units by the ways in which names have them: as they are shown or in lower case, and with u for µ."""


def split_unit(name: str) -> tuple[str, str]:
    """Return the quantity and the unit of a name such as "latency_ms".

    Args:
        name: words that are joined by underscores. If there are several and the last is one of `UNITS`, as it is written
            there or in lower case, with u for µ, it is the unit.

    Returns:
        The other words as text, and the unit; empty if there is none.

    Example:
        >>> split_unit("latency_ms"), split_unit("energy_mj"), split_unit("gpu_time_us"), split_unit("network_calls")
        (('latency', 'ms'), ('energy', 'mJ'), ('gpu time', 'µs'), ('network calls', ''))
    """
    quantity, _, last = name.rpartition("_")
    unit = _SPELLINGS.get(last, "") if quantity else ""
    return (quantity if unit else name).replace("_", " "), unit


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
