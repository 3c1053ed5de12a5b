"""Selections of entries by name, as users write them on the command line. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from wee.app.fields import Checked, as_list, written
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.store.inventory import Place

T = TypeVar("T")

EVERYTHING = "all"
"""What a field of a query has if it selects everything."""


@dataclass
class Query:
    """A selection of entries. Each field takes a name, a pattern (`s*`, `ood-*`), a list of them, or all.

    Attributes:
        dataset: The ID data set of the members.
        family: The family.
        scale: The scale.
        member: The number of the member.
        split: The split: val, test, ood-NAME or shift-NAME.
        key: The beginning of the entry's key, of its weights' fingerprint, or of its training recipe.
    """

    dataset: Checked[list[str]] = written(EVERYTHING)
    family: Checked[list[str]] = written(EVERYTHING)
    scale: Checked[list[str]] = written(EVERYTHING)
    member: Checked[list[str]] = written(EVERYTHING)
    split: Checked[list[str]] = written(EVERYTHING)
    key: Checked[list[str]] = written(EVERYTHING)

    def __post_init__(self) -> None:
        for name in QUERIED:
            patterns = list(dict.fromkeys(str(pattern) for pattern in as_list(getattr(self, name))))
            if not patterns or not all(patterns):
                raise WeeError(f"{name} selects nothing: give a name, a pattern such as 's*', a list, or {EVERYTHING}")
            setattr(self, name, patterns)

    @property
    def given(self) -> dict[str, list[str]]:
        """The fields that select less than everything, with their patterns."""
        return {name: getattr(self, name) for name in QUERIED if EVERYTHING not in getattr(self, name)}

    def __str__(self) -> str:
        words = (f"{name}={','.join(patterns)}" for name, patterns in self.given.items())
        return " ".join(words) or "everything"

    def fits(self, place: Place, also_called: Sequence[str] = (), names: Iterable[str] | None = None) -> bool:
        """Return whether a place is selected.

        Args:
            place: the place of an entry.
            also_called: what identifies the entry besides its key.
            names: the fields to look at; None for all.
        """
        return all(
            any(_fits(name, pattern, place, also_called) for pattern in patterns)
            for name, patterns in self.given.items()
            if names is None or name in names
        )

    def select(self, things: Iterable[T], look: Callable[[T], tuple[Place, Sequence[str]]], what: str) -> list[T]:
        """Return the things that are selected.

        Args:
            things: what can be selected.
            look: returns the place of a thing, and what identifies it besides its key.
            what: where the things are, for messages ("the store outputs/store").

        Raises:
            WeeError: nothing is selected; the message says what there is.
        """
        everything = list(things)
        if not everything:
            raise WeeError(f"there are no entries in {what}")
        remaining = everything
        for depth, name in enumerate(QUERIED):
            names = QUERIED[: depth + 1]
            fitting = [thing for thing in remaining if self.fits(*look(thing), names=names)]
            if not fitting:
                existing = sorted({str(getattr(look(thing)[0], name)) for thing in remaining}, key=_natural)
                before = " ".join(f"{key}={','.join(self.given[key])}" for key in QUERIED[:depth] if key in self.given)
                wanted = ",".join(getattr(self, name))
                raise unknown(name, wanted, existing, of=f"{what}{f' with {before}' if before else ''}")
            remaining = fitting
        return remaining


QUERIED = tuple(field.name for field in fields(Query))
"""The names by which entries are selected."""


def _fits(name: str, pattern: str, place: Place, also_called: Sequence[str]) -> bool:
    value = str(getattr(place, name))
    if name != "key":
        return fnmatchcase(value, pattern)
    return any(fnmatchcase(known, f"{pattern}*") for known in (value, *also_called) if known)


def _natural(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)
