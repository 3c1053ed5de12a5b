"""How numbers, lists and tables are written on the pages about CIFAR-10, and how tables are read off them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

NAME = "{kind}-cifar10-cifar_resnet"
"""The name of a sweep of `make figures DATASET=cifar10`."""

SIZES = ("w16", "w24", "w40", "w56", "w80")
"""The sizes of the networks, ascending in MACs."""

NO_SIZE = "no size"


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def header(left: list[str], numbers: list[str]) -> list[str]:
    """The head of a table: columns of words, then columns of numbers."""
    return [row([*left, *numbers]), row(["---"] * len(left) + ["---:"] * len(numbers))]


def listed(names: Iterable[str], nothing: str) -> str:
    """Names as a sentence lists them: "w16, w24 and w40".

    Args:
        names: the names.
        nothing: what to write where there is none.
    """
    names = list(names)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else nothing


def sizes_of(names: Iterable[str], every: Sequence[str]) -> str:
    """Some sizes as a sentence lists them: "w16 and w24", "every size" or "no size".

    Args:
        names: the sizes.
        every: all sizes that the sentence could be about.
    """
    chosen = [str(name) for name in names]
    return "every size" if chosen == list(every) and len(every) > 1 else listed(chosen, NO_SIZE)


def span(values: Iterable[float], places: int = 1) -> str:
    """The least and the greatest of some numbers: "1.4 to 2.3", or one number where both are written alike.

    Args:
        values: the numbers, at least one.
        places: decimals.
    """
    numbers = sorted(values)
    low, high = f"{numbers[0]:.{places}f}", f"{numbers[-1]:.{places}f}"
    return low if low == high else f"{low} to {high}"


def with_intervals(value: float, ends: Any, places: int = 2) -> str:
    """A difference with its own interval in brackets and the simultaneous one in braces: "+1.5 [+0.2, +2.8] {-0.3, +3.3}".

    Args:
        value: the difference.
        ends: has `lower` and `upper`, and `simultaneous_lower` and `simultaneous_upper`, which are NaN if there is no such
            interval.
        places: decimals.
    """
    own = f"{value:+.{places}f} [{ends.lower:+.{places}f}, {ends.upper:+.{places}f}]"
    if math.isnan(ends.simultaneous_lower):
        return own
    return f"{own} {{{ends.simultaneous_lower:+.{places}f}, {ends.simultaneous_upper:+.{places}f}}}"


def spread(mean: float, deviation: float, places: int) -> str:
    """A mean and a standard deviation: "5.5 ± 1.5"."""
    return f"{mean:.{places}f} ± {deviation:.{places}f}"


def tables(page: Path) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the tables of a page, each with the heading that it stands under, as rows by column."""
    heading, lines = "", page.read_text(encoding="utf-8").splitlines()
    names: list[str] = []
    rows: list[dict[str, str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not names:
                names = cells
            elif set(line) - set("|-: "):
                rows.append(dict(zip(names, cells, strict=True)))
        else:
            if names:
                yield heading, rows
                names, rows = [], []
            if line.startswith("#"):
                heading = line.lstrip("# ")


def fill(template: Path, places: dict[str, str]) -> str:
    """A page: a template whose places, names in braces, are filled.

    Raises:
        KeyError: the template has a place that nothing fills. A place for a claim that does not hold is not filled.
    """
    try:
        return template.read_text(encoding="utf-8").format_map(places)
    except KeyError as error:
        raise KeyError(f"{template.name}: nothing fills the place {error}; what it claims may not hold") from None
