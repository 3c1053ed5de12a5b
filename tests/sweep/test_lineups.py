"""Draws of lineups: distinct, balanced, within their limits, and the same everywhere."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from wee.sweep.lineups import draw

limits = {"max_orders": st.integers(1, 30), "max_lineups": st.integers(1, 60), "seed": st.integers(0, 99)}


def spread(counted: Iterable[int], of: Iterable[int]) -> int:
    counts = Counter(counted)
    every = [counts[network] for network in of]
    return max(every) - min(every)


def grouped(lineups: Sequence[tuple[int, ...]]) -> dict[frozenset[int], list[tuple[int, ...]]]:
    sets: dict[frozenset[int], list[tuple[int, ...]]] = {}
    for lineup in lineups:
        sets.setdefault(frozenset(lineup), []).append(lineup)
    return sets


@given(counts=st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), **limits)
def test_draws_are_distinct_balanced_and_within_their_limits(
    counts: tuple[int, int], max_orders: int, max_lineups: int, seed: int
) -> None:
    networks, size = counts
    drawn = draw([range(networks)] * size, max_orders, max_lineups, seed)
    assert all(len(set(lineup)) == size for lineup in drawn.chosen)
    assert len(set(drawn.chosen)) == len(drawn.chosen) == drawn.sets * drawn.orders
    assert len(drawn.chosen) <= max_lineups
    assert drawn.orders <= max_orders
    assert drawn.sets == min(drawn.all_sets, max_lineups)
    by_set = grouped(drawn.chosen)
    assert len(by_set) == drawn.sets
    assert spread(itertools.chain(*by_set), range(networks)) <= 1
    assert spread((lineup[0] for lineup in drawn.chosen), range(networks)) <= 1
    for members, lineups in by_set.items():
        assert len(lineups) == drawn.orders
        assert spread((lineup[0] for lineup in lineups), members) <= 1
    assert draw([range(networks)] * size, max_orders, max_lineups, seed) == drawn


@given(**limits)
def test_stages_of_different_scales_are_balanced_scale_by_scale(max_orders: int, max_lineups: int, seed: int) -> None:
    small, large = range(4), range(4, 7)
    drawn = draw([large, small, large, small], max_orders, max_lineups, seed)
    assert (drawn.all_sets, drawn.all_orders) == (6 * 3, 4)
    assert len(set(drawn.chosen)) == len(drawn.chosen) == drawn.sets * drawn.orders <= max_lineups
    for lineup in drawn.chosen:
        assert len(set(lineup)) == 4
        assert {lineup[0], lineup[2]} < set(large)
        assert {lineup[1], lineup[3]} < set(small)
    by_set = grouped(drawn.chosen)
    for scale in (small, large):
        assert spread(itertools.chain(*by_set), scale) <= 1
    assert spread((lineup[0] for lineup in drawn.chosen), large) <= 1
    for members, lineups in by_set.items():
        assert spread((lineup[0] for lineup in lineups), members & set(large)) <= 1


def test_few_lineups_are_all_taken_in_order() -> None:
    for networks, size in ((4, 4), (4, 3), (5, 2), (3, 1)):
        drawn = draw([range(networks)] * size, 24, 240, 0)
        assert drawn.chosen == list(itertools.permutations(range(networks), size))
        assert drawn.total == len(drawn.chosen)
    across = draw([[0, 1], [2, 3], [0, 1]], 24, 240, 0)
    assert across.chosen == [(a, b, c) for a in (0, 1) for b in (2, 3) for c in (0, 1) if a != c]


def test_more_than_can_be_enumerated_is_drawn_at_once() -> None:
    drawn = draw([range(12)] * 12, 24, 240, 0)
    assert (len(drawn.chosen), drawn.total) == (24, 479_001_600)
    assert set(Counter(lineup[0] for lineup in drawn.chosen).values()) == {2}
    drawn = draw([range(40)] * 20, 24, 240, 0)
    assert (drawn.sets, drawn.orders, drawn.all_sets) == (240, 1, 137_846_528_820)


PINNED = [(0, 2, 1, 4), (1, 4, 2, 3), (2, 1, 3, 0), (3, 1, 0, 4), (4, 0, 3, 2)]


def test_the_draw_is_the_same_everywhere() -> None:
    """Sweeps of different machines and versions run the same cascades."""
    assert draw([range(5)] * 4, 24, 5, 0).chosen == PINNED
    assert draw([range(5)] * 4, 24, 5, 1).chosen != PINNED


def test_stages_without_a_network_of_their_own_have_no_lineup() -> None:
    assert draw([[0], [0]], 24, 240, 0).chosen == []
