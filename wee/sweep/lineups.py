"""Lineups to run: which networks run, in which order. All lineups, or a balanced random draw if there are too many.

M members can run in M! orders, and there can be many choices of M members out of more. If that is more than can be run, some
sets of members, and some orders of each set, are drawn with a seed. The draw is balanced: of the networks that may run at the
same stage, each is in equally many sets and each runs first equally often, to within one; the members of one set also run
first equally often, to within one. No enumeration is much longer than what is drawn.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb, factorial, prod
from typing import TypeVar

import numpy as np

T = TypeVar("T")

Places = tuple[int, ...]
"""The network that runs at each stage, as an index into a pool's networks."""

Groups = dict[tuple[int, ...], list[int]]
"""The stages at which the same networks may run, by these networks."""


@dataclass(frozen=True)
class LineupDraw:
    """The lineups that are run, and the number of lineups that exist.

    Attributes:
        chosen: the lineups that are run, in ascending order.
        sets: number of sets of networks in `chosen`.
        orders: number of lineups of each set in `chosen`.
        all_sets: number of sets of networks that exist.
        all_orders: number of lineups that exist for each set.
    """

    chosen: Sequence[Places]
    sets: int
    orders: int
    all_sets: int
    all_orders: int

    @property
    def total(self) -> int:
        """Number of lineups that exist."""
        return self.all_sets * self.all_orders


def draw(stages: Sequence[Sequence[int]], max_orders: int, max_lineups: int, seed: int) -> LineupDraw:
    """Return every lineup, or draw some if there are more than may be run.

    Every set of networks is kept as long as `max_lineups` allows one order of each; the orders of each set are reduced first.

    Args:
        stages: the networks that may run at each stage. Any two stages have all networks in common, or none.
        max_orders: largest number of lineups of one set of networks, at least 1.
        max_lineups: largest number of lineups, at least 1.
        seed: seed of the draw, at least 0. The same arguments give the same lineups on every machine.

    Returns:
        The lineups; there are none if some stage has no network left to run.

    Example:
        >>> draw([[0, 1]] * 2, max_orders=24, max_lineups=240, seed=0).chosen
        [(0, 1), (1, 0)]
        >>> drawn = draw([range(12)] * 12, max_orders=24, max_lineups=240, seed=0)
        >>> len(drawn.chosen), drawn.total
        (24, 479001600)
    """
    groups: Groups = {}
    for stage, networks in enumerate(stages):
        groups.setdefault(tuple(networks), []).append(stage)
    all_sets = prod(comb(len(networks), len(places)) for networks, places in groups.items())
    all_orders = prod(factorial(len(places)) for places in groups.values())
    sets = min(all_sets, max_lineups)
    orders = min(all_orders, max_orders, max(1, max_lineups // max(all_sets, 1)))
    rng = np.random.Generator(np.random.PCG64(seed))
    network_sets = _draw_sets(groups, sets, all_sets, rng)
    leading = [[network for network in stages[0] if network in network_set] for network_set in network_sets]
    favoured = _draw_firsts(leading, orders, rng)
    chosen = [
        lineup
        for network_set, firsts in zip(network_sets, favoured, strict=True)
        for lineup in _draw_orders(groups, network_set, firsts, orders, all_orders, rng)
    ]
    return LineupDraw(sorted(chosen), sets, orders, all_sets, all_orders)


def _draw_sets(groups: Groups, count: int, total: int, rng: np.random.Generator) -> list[frozenset[int]]:
    """Draw different sets of networks, with each network of a group in equally many sets, to within one."""

    def every() -> Iterator[frozenset[int]]:
        parts = (itertools.combinations(networks, len(places)) for networks, places in groups.items())
        return (frozenset(itertools.chain(*choice)) for choice in itertools.product(*parts))

    def random() -> frozenset[int]:
        parts = (_shuffled(networks, rng)[: len(places)] for networks, places in groups.items())
        return frozenset(itertools.chain(*parts))

    drawn = _sample(count, total, every, random, rng)
    present = set(drawn)
    for networks in groups:
        used = Counter(network for members in drawn for network in members if network in networks)
        while True:
            most, least = max(networks, key=lambda n: used[n]), min(networks, key=lambda n: used[n])
            if used[most] - used[least] <= 1:
                break
            # `most` is in more sets than `least`, so `least` can replace it in some set without repeating another set.
            for k, members in enumerate(drawn):
                changed = members - {most} | {least}
                if most in members and least not in members and changed not in present:
                    present ^= {members, changed}
                    drawn[k] = changed
                    break
            used[most] -= 1
            used[least] += 1
    return drawn


def _draw_firsts(leading: Sequence[Sequence[int]], orders: int, rng: np.random.Generator) -> list[set[int]]:
    """Choose the networks that run first one more time than the others of their set.

    This is needed if the number of lineups of a set is not a multiple of the number of networks that can run first.

    Args:
        leading: the networks of each set that can run first.
        orders: number of lineups of each set.
        rng: source of random numbers.

    Returns:
        The chosen networks of each set. Over all sets, each network is chosen equally often, to within one.
    """
    favoured = [set(_shuffled(networks, rng)[: orders % len(networks)]) for networks in leading]
    counts = Counter(dict.fromkeys(itertools.chain(*leading), 0))
    counts.update(itertools.chain(*favoured))
    while True:
        # Breadth-first search from the most frequent networks; on each step, one network can replace another in some set. The
        # path ends at a network that is less frequent by two or more. Following it moves one choice from its start to its end.
        most = max(counts.values(), default=0)
        before: dict[int, tuple[int, int] | None] = {n: None for n, count in counts.items() if count == most}
        queue = list(before)
        for network in queue:
            if counts[network] <= most - 2:
                break
            for k, networks in enumerate(leading):
                if network in favoured[k]:
                    new = [n for n in networks if n not in favoured[k] and n not in before]
                    before |= dict.fromkeys(new, (network, k))
                    queue += new
        else:
            return favoured
        counts[network] += 1
        while (step := before[network]) is not None:
            previous, k = step
            favoured[k] ^= {previous, network}
            network = previous
        counts[network] -= 1


def _draw_orders(
    groups: Groups, members: frozenset[int], favoured: set[int], count: int, total: int, rng: np.random.Generator
) -> list[Places]:
    """Draw different lineups of one set of networks.

    Args:
        groups: networks that may run at the same stages.
        members: the set of networks.
        favoured: the networks that run first once more than the others.
        count: number of lineups to draw.
        total: number of lineups that exist.
        rng: source of random numbers.
    """
    leading, *others = ([network for network in networks if network in members] for networks in groups)
    stages = list(itertools.chain(*groups.values()))
    lineups: list[Places] = []
    for first in leading:
        parts = [[network for network in leading if network != first], *others]
        share = count // len(leading) + (first in favoured)
        every, random = partial(_all_orders, parts), partial(_random_order, parts, rng)
        for following in _sample(share, total // len(leading), every, random, rng):
            placed = sorted(zip(stages, (first, *following), strict=True))
            lineups.append(tuple(network for _, network in placed))
    return lineups


def _all_orders(parts: Sequence[Sequence[int]]) -> Iterator[Places]:
    """Iterate over every order of the networks within each part, with the parts joined one after the other."""
    return (tuple(itertools.chain(*order)) for order in itertools.product(*map(itertools.permutations, parts)))


def _random_order(parts: Sequence[Sequence[int]], rng: np.random.Generator) -> Places:
    """Return a random order of the networks within each part, with the parts joined one after the other."""
    return tuple(itertools.chain(*(_shuffled(part, rng) for part in parts)))


def _sample(
    count: int, total: int, every: Callable[[], Iterable[T]], random: Callable[[], T], rng: np.random.Generator
) -> list[T]:
    """Draw different items in random order: picked from all items, or generated one by one if few of many are needed.

    Args:
        count: number of items to draw.
        total: number of items that exist.
        every: returns all items.
        random: generates a random item.
        rng: source of random numbers.
    """
    if 2 * count > total:
        return _shuffled(list(every()), rng)[:count]
    drawn: dict[T, None] = {}
    while len(drawn) < count:
        drawn[random()] = None
    return list(drawn)


def _shuffled(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Return items in random order.

    Sorts uniform random numbers, because the results of NumPy's own permutations may change between its versions.
    """
    return [items[k] for k in np.argsort(rng.random(len(items)), kind="stable")]
