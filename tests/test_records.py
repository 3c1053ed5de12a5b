"""Plain data that does not fit a dataclass is refused with the name of what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from wee.errors import WeeError
from wee.records import check_fields, fits, not_finite


@dataclass
class Thing:
    name: str
    sizes: Sequence[int]
    share: float | None
    more: Mapping[str, float] = field(default_factory=dict)


GOOD = {"name": "a", "sizes": [1, 2], "share": None}


def test_what_fits_is_accepted() -> None:
    check_fields(Thing, GOOD, "it")
    check_fields(Thing, {**GOOD, "share": 1, "more": {"x": 2.5}}, "it")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "it is \\[\\]: it must have the fields of Thing"),
        ({"name": "a", "share": None}, "it has no sizes"),
        ({**GOOD, "name": 3}, "it has name 3: it must be of type str"),
        ({**GOOD, "sizes": [1, True]}, "it has sizes"),
        ({**GOOD, "sizes": "12"}, "it has sizes"),
        ({**GOOD, "share": "0.5"}, "it has share"),
        ({**GOOD, "more": {"x": None}}, "it has more"),
    ],
)
def test_what_does_not_fit_is_named(record: Any, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        check_fields(Thing, record, "it")


def test_other_fields_may_be_refused() -> None:
    check_fields(Thing, {**GOOD, "x": 1}, "it")
    with pytest.raises(WeeError, match="it has x, which is no field of Thing"):
        check_fields(Thing, {**GOOD, "x": 1}, "it", others=False)


def test_types() -> None:
    assert fits(1, float)
    assert not fits(1.0, int)
    assert not fits(True, float)
    assert fits({"anything": object()}, dict[str, Any])


def test_numbers_that_are_not_finite_are_found() -> None:
    assert not_finite(Thing("a", [1], 0.5)) is None
    assert not_finite(Thing("a", [1], math.nan)) == "share"
    assert not_finite({"a": [{"b": 1.0}, {"b": -math.inf}]}) == "a.1.b"
