"""Selections of entries: names, patterns, lists, and messages that say what there is."""

from __future__ import annotations

from typing import Any

import pytest

from wee.errors import WeeError
from wee.store.inventory import Place
from wee.store.query import Query

PLACES = [
    Place("digits", "tiny", scale, member, split, f"{number:016x}")
    for number, (scale, member, split) in enumerate(
        (scale, member, split) for scale in ("s1", "s2") for member in ("0", "10") for split in ("val", "ood-far")
    )
]


def select(**fields: Any) -> list[Place]:
    return Query(**fields).select(PLACES, lambda place: (place, (f"weights{place.scale}",)), "the store x")


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 8),
        ({"scale": "s1"}, 4),
        ({"scale": ["s1", "s2"], "member": 10}, 4),
        ({"scale": "s*", "split": "ood-*", "member": "1?"}, 2),
        ({"key": "000000000000000"}, 8),
        ({"key": "0000000000000003"}, 1),
        ({"key": "weightss2"}, 4),
        ({"scale": "S1*", "split": "all"}, None),
        ({"member": "1"}, None),
    ],
)
def test_names_patterns_and_lists_select(fields: dict[str, Any], count: int | None) -> None:
    if count is None:
        with pytest.raises(WeeError, match=r"there is no (scale|member)"):
            select(**fields)
    else:
        assert len(select(**fields)) == count


def test_what_selects_nothing_says_what_there_is() -> None:
    with pytest.raises(WeeError) as error:
        select(scale="s1", member="7")
    assert str(error.value) == "there is no member '7' of the store x with scale=s1. Known: 0, 10."
    with pytest.raises(WeeError, match="did you mean 'ood-far'"):
        select(split="ood-fra")
    with pytest.raises(WeeError, match="there are no entries in the store x"):
        Query().select([], lambda place: (place, ()), "the store x")


@pytest.mark.parametrize("value", [[], "", ["s1", ""]])
def test_empty_selections_are_refused(value: Any) -> None:
    with pytest.raises(WeeError, match="scale selects nothing"):
        Query(scale=value)


def test_a_query_says_what_it_selects() -> None:
    assert str(Query()) == "everything"
    assert str(Query(scale=["s1", "s2"], member=0)) == "scale=s1,s2 member=0"
