"""The settings of a sweep: the lineups of networks, and every policy with every value of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb, perm
from typing import Any

from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import POLICIES, Convention, Policy, Task
from wee.method.policies import PARAMETERS, Context, Role
from wee.sweep.config import PolicyConfig, ScoreConfig, WindowConfig
from wee.sweep.lineups import LineupDraw, Places, draw
from wee.sweep.pool import Candidate, Pool


@dataclass(frozen=True)
class Setting:
    """One policy with its parameters.

    Attributes:
        policy: the policy, with a value for each parameter.
    """

    policy: Policy

    @property
    def score(self) -> str | None:
        """The score that decides exits; None for a policy that uses no score."""
        return getattr(self.policy, "score", None)

    @property
    def task(self) -> Task | None:
        """The task that the policy is set for; None for a policy that needs no task."""
        return getattr(self.policy, "task", None)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a row that name the setting."""
        parameters = {**dict.fromkeys(("width", "fraction", PARAMETERS)), **self.policy.columns()}
        return {"policy": self.policy.name, **parameters, "score": self.score, "task": self.task}


@dataclass(frozen=True)
class Lineup:
    """Networks in the order in which they run.

    Attributes:
        places: their indices in the pool.
        role: how they work together.
        cascades: number of cascades of the same size that exist, whether they are run or not.
    """

    places: Places
    role: Role
    cascades: int

    @property
    def fixed(self) -> bool:
        """Whether all networks always run, so that there is a single output at a fixed cost."""
        return self.role in (Role.TOGETHER, Role.LAST)


def settings(
    role: Role,
    stages: int,
    policy: PolicyConfig,
    window: WindowConfig,
    score: ScoreConfig,
    tasks: Sequence[Task],
    convention: Convention,
) -> Iterator[Setting]:
    """Yield every setting of the policies for a role: built-in policies in the order of the catalogue, then plug-ins.

    Args:
        role: how the networks work together.
        stages: number of networks.
        policy, window, score: the configs of the sweep.
        tasks: the tasks that a policy may be set for.
        convention: how curves are read.

    Raises:
        WeeError: a policy refuses the value of a parameter.
    """
    positions = {name: position for position, name in enumerate(POLICIES)}
    for name in sorted(policy.names, key=lambda name: positions.get(name, len(positions))):
        kind = POLICIES.find(name)
        if kind.role is role:
            context = Context(stages, score.exit, tasks, convention, policy.values(name, window.width))
            yield from map(Setting, kind.settings(context))


def check_widths(window: WindowConfig, lineups: Sequence[Lineup]) -> None:
    """Check that each width given as one value per stage has as many values as some cascade needs.

    Args:
        window: the widths.
        lineups: the lineups of the sweep.

    Raises:
        WeeError: no cascade has as many stages as a width has values for.
    """
    lengths = sorted({len(lineup.places) for lineup in lineups if lineup.role is Role.CASCADE})
    for width in window.width:
        if isinstance(width, tuple) and len(width) + 1 not in lengths:
            raise WeeError(
                f"window.width has {list(width)}, for a cascade of {len(width) + 1} stages, but cascades have "
                f"{', '.join(map(str, lengths)) or 'none'}: give one width for each stage but the last, or one number for all"
            )


def all_lineups(pool: Pool, ensemble: EnsembleConfig) -> list[Lineup]:
    """Return the lineups in which a pool's networks are run.

    Raises:
        WeeError: the config asks for exits that a network does not have, or for exits of networks with one output.
    """
    if pool.multi_exit:
        return _exit_orders(pool, ensemble)
    if ensemble.exits:
        raise WeeError(f"ensemble.exits is for multi-exit networks; {pool.family}/{pool.scale} has one output")
    count = len(pool.networks)
    alone = [] if pool.stages else [Lineup((place,), Role.ALONE, count) for place in range(count)]
    if not pool.stages and ensemble.size == 1:
        return alone
    if not pool.stages and isinstance(ensemble.orders, list):
        place = {network.member: k for k, network in enumerate(pool.networks)}
        chosen: Sequence[Places] = [tuple(place[member] for member in order) for order in ensemble.orders]
        total = perm(count, ensemble.size)
    else:
        lineups = _draw(pool, ensemble)
        chosen, total = lineups.chosen, lineups.total
    fixed = [Lineup(places, Role.TOGETHER, total) for places in dict.fromkeys(map(_sorted, chosen))]
    if ensemble.combine == "replace":
        # The output is that of the last network, and the cost does not depend on the order of the others.
        last = dict.fromkeys((*_sorted(places[:-1]), places[-1]) for places in chosen)
        fixed += [Lineup(places, Role.LAST, total) for places in last]
    return [*alone, *fixed, *(Lineup(places, Role.CASCADE, total) for places in chosen)]


def left_out(pool: Pool, ensemble: EnsembleConfig) -> str | None:
    """Describe, in a sentence, the cascades that are left out because there are too many; return None if there are none.

    Cascades that `ensemble.orders` does not ask for ("given", or a list of orders) do not count as left out.
    """
    if pool.multi_exit or (not pool.stages and (ensemble.size == 1 or isinstance(ensemble.orders, list))):
        return None
    lineups = _draw(pool, ensemble)
    given = _given(pool, ensemble)
    if lineups.sets == lineups.all_sets and (given or lineups.orders == lineups.all_orders):
        return None
    sets = f"{lineups.sets:,}" + (f" of {lineups.all_sets:,}" if lineups.sets < lineups.all_sets else "")
    sets = "1 set" if lineups.all_sets == 1 else f"each of {sets} sets"
    caps = [] if given else ["ensemble.orders" if isinstance(ensemble.orders, int) else "ensemble.max_orders"]
    return (
        f"{pool.scale}: {len(lineups.chosen):,} of {lineups.total:,} cascades of {len(lineups.chosen[0])} members are run "
        f"({lineups.orders:,} of {lineups.all_orders:,} orders of {sets} of members); "
        f"{' and '.join([*caps, 'ensemble.max_cascades'])} set the caps, and ensemble.seed sets the draw"
    )


def _draw(pool: Pool, ensemble: EnsembleConfig) -> LineupDraw:
    """Draw the lineups of a pool's cascades.

    The stages are members of one scale, or, across scales, one member of each stage's scale. No member is in a lineup twice.

    Raises:
        WeeError: there are fewer members than stages of the same scale.
    """
    stages = pool.stages or [range(len(pool.networks))] * ensemble.size
    given = _given(pool, ensemble)
    number = ensemble.orders if isinstance(ensemble.orders, int) else ensemble.max_orders
    lineups = draw(stages, 1 if given else number, ensemble.max_cascades, ensemble.seed)
    if not lineups.chosen:
        raise WeeError(f"a cascade {pool.scale} needs a member of its own for each stage; there are too few members")
    return replace(lineups, chosen=sorted(map(_sorted, lineups.chosen))) if given else lineups


def _given(pool: Pool, ensemble: EnsembleConfig) -> bool:
    """Return whether members run in the order of their numbers only; False across scales, where the scales set the order."""
    return ensemble.orders == "given" and not pool.stages


def _sorted(places: Places) -> Places:
    return tuple(sorted(places))


def _exit_orders(pool: Pool, ensemble: EnsembleConfig) -> list[Lineup]:
    """Return the lineups of multi-exit members: every exit alone, and the requested cascades of exits, for each member."""
    lineups = []
    members = list(dict.fromkeys(network.member for network in pool.networks))
    for member in members:
        place = {network.exit: k for k, network in enumerate(pool.networks) if network.member == member}
        last = len(place)
        wanted = ensemble.exits or [[k, last] for k in range(1, last)]
        for exits in wanted:
            if exits[-1] > last:
                raise WeeError(f"ensemble.exits has {exits}, but {pool.family}/{pool.scale} has exits 1 to {last}")
        counts = {size: len(members) * comb(last, size) for size in range(1, last + 1)}
        lineups += [Lineup((k,), Role.ALONE, counts[1]) for k in place.values()]
        lineups += [Lineup(tuple(place[e] for e in exits), Role.CASCADE, counts[len(exits)]) for exits in wanted]
    return lineups


def members_of(networks: Sequence[Candidate]) -> tuple[int, ...]:
    """Return the member numbers of networks, in order; for the exits of a multi-exit member, its number once."""
    return tuple(network.member for network in (networks[:1] if networks[0].exit is not None else networks))


def exits_of(networks: Sequence[Candidate]) -> tuple[int, ...] | None:
    """Return the exit numbers of networks, in order; None for members with one output."""
    return tuple(network.exit for network in networks if network.exit is not None) or None
