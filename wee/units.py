"""Formatting of numbers."""

from __future__ import annotations


def si(number: float) -> str:
    """Format a number with three digits and an SI prefix: 66.1 k, 3.12 M, 1.02 G."""
    for factor, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{prefix}"
    return f"{number:.3g}"
