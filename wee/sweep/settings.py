"""The settings of a sweep: which networks run in which order, under every policy with every value of its parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb, perm
from typing import Literal, cast

from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import Convention, Ensemble, Policy, Random, Single, SingleThreshold, Task, Window
from wee.method.policies import Width
from wee.sweep.config import PolicyConfig, ScoreConfig, WindowConfig
from wee.sweep.lineups import LineupDraw, Places, draw
from wee.sweep.pool import Candidate, Pool


@dataclass(frozen=True)
class Setting:
    """One policy with its parameters, and how it is named in tables.

    Attributes:
        policy: the policy's name.
        build: the policy.
        score: what samples go on by, None where nothing is looked at.
        task: the task that a window is set for, None for other policies.
        width: of the window, a tuple where each stage has its own; None for other policies.
        fraction: quantile of the single threshold or probability of the random exit, None for other policies.
    """

    policy: str
    build: Policy
    score: str | None = None
    task: Task | None = None
    width: Width | tuple[Width, ...] | None = None
    fraction: float | None = None


@dataclass(frozen=True)
class Lineup:
    """Networks in the order in which they run.

    Attributes:
        nodes: their places in the pool.
        role: "alone" (a single network), "together" (a set, all of which always run, and whose outputs are averaged), "last"
            (a set, all of which always run, for the output of the last) or "cascade".
        cascades: how many cascades of as many networks there are in all, run or not.
    """

    nodes: tuple[int, ...]
    role: Literal["alone", "together", "last", "cascade"]
    cascades: int

    @property
    def fixed(self) -> bool:
        """Whether all networks always run, so that there is one output, at one cost."""
        return self.role in ("together", "last")


def settings(
    role: str,
    stages: int,
    policy: PolicyConfig,
    window: WindowConfig,
    score: ScoreConfig,
    tasks: Sequence[Task],
    convention: str,
) -> Iterator[Setting]:
    """What is done with networks in a role."""
    names = {
        "alone": ("single",),
        "together": ("ensemble",),
        "last": ("last",),
        "cascade": ("window", "threshold", "random"),
    }[role]
    wanted = [name for name in names if name in policy.names]
    if "single" in wanted:
        yield Setting("single", Single())
    for name in ("ensemble", "last"):
        if name in wanted:
            yield Setting(name, Ensemble())
    if "window" in wanted:
        for s, task, width in itertools.product(score.exit, tasks, window.width):
            if isinstance(width, tuple) and len(width) != stages - 1:
                continue  # for a cascade of another length; check_widths has seen that there is one
            build = Window(task, width, s, cast("Convention", convention))
            yield Setting("window", build, s, task, width=width)
    if "threshold" in wanted:
        for s, q in itertools.product(score.exit, policy.quantile):
            yield Setting("threshold", SingleThreshold(q, s), s, fraction=q)
    if "random" in wanted:
        for p in policy.probability:
            yield Setting("random", Random(p, policy.seed), fraction=p)


def check_widths(window: WindowConfig, orders: Sequence[Lineup]) -> None:
    """Refuse widths for a number of stages that no cascade has.

    Raises:
        WeeError: there is such a width.
    """
    lengths = sorted({len(order.nodes) for order in orders if order.role == "cascade"})
    for width in window.width:
        if isinstance(width, tuple) and len(width) + 1 not in lengths:
            raise WeeError(
                f"window.width has {list(width)}, for a cascade of {len(width) + 1} stages, but cascades have "
                f"{', '.join(map(str, lengths)) or 'none'}: give one width for each stage but the last, or one number for all"
            )


def orders(pool: Pool, ensemble: EnsembleConfig) -> list[Lineup]:
    """Every order in which a pool's networks are run.

    Raises:
        WeeError: exits are asked for that the network does not have, or of networks that have none.
    """
    if pool.multi_exit:
        return _exit_orders(pool, ensemble)
    if ensemble.exits:
        raise WeeError(f"ensemble.exits is for multi-exit networks; {pool.family}/{pool.scale} has one output")
    count = len(pool.networks)
    alone = [] if pool.stages else [Lineup((place,), "alone", count) for place in range(count)]
    if not pool.stages and ensemble.size == 1:
        return alone
    if not pool.stages and isinstance(ensemble.orders, list):
        place = {network.member: k for k, network in enumerate(pool.networks)}
        chosen: Sequence[Places] = [tuple(place[member] for member in order) for order in ensemble.orders]
        total = perm(count, ensemble.size)
    else:
        lineups = _draw(pool, ensemble)
        chosen, total = lineups.chosen, lineups.total
    fixed = [Lineup(nodes, "together", total) for nodes in dict.fromkeys(map(_sorted, chosen))]
    if ensemble.combine == "replace":
        # The output is that of the last network, and the cost does not depend on the order of those before it.
        last = dict.fromkeys((*_sorted(nodes[:-1]), nodes[-1]) for nodes in chosen)
        fixed += [Lineup(nodes, "last", total) for nodes in last]
    return [*alone, *fixed, *(Lineup(nodes, "cascade", total) for nodes in chosen)]


def left_out(pool: Pool, ensemble: EnsembleConfig) -> str | None:
    """A sentence on the cascades that a sweep leaves out because there are too many; None where it leaves out none.

    Those that `ensemble.orders` does not ask for ("given", or a list of orders) are not left out.
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
    """The lineups of a pool's cascades: of members of one scale, or of one member of each stage's scale, none twice.

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
    """Whether members run in the order of their numbers alone; across scales, the scales have an order and members none."""
    return ensemble.orders == "given" and not pool.stages


def _sorted(nodes: Places) -> Places:
    return tuple(sorted(nodes))


def _exit_orders(pool: Pool, ensemble: EnsembleConfig) -> list[Lineup]:
    """Of multi-exit members: every exit alone, and cascades of the exits asked for, in each member."""
    found = []
    members = list(dict.fromkeys(network.member for network in pool.networks))
    for member in members:
        place = {network.exit: k for k, network in enumerate(pool.networks) if network.member == member}
        last = len(place)
        wanted = ensemble.exits or [[k, last] for k in range(1, last)]
        for exits in wanted:
            if exits[-1] > last:
                raise WeeError(f"ensemble.exits has {exits}, but {pool.family}/{pool.scale} has exits 1 to {last}")
        counts = {size: len(members) * comb(last, size) for size in range(1, last + 1)}
        found += [Lineup((k,), "alone", counts[1]) for k in place.values()]
        found += [Lineup(tuple(place[e] for e in exits), "cascade", counts[len(exits)]) for exits in wanted]
    return found


def members_of(networks: Sequence[Candidate]) -> tuple[int, ...]:
    """The members that networks are, in their order; of exits of one multi-exit member, its number once."""
    return tuple(network.member for network in (networks[:1] if networks[0].exit is not None else networks))


def exits_of(networks: Sequence[Candidate]) -> tuple[int, ...] | None:
    """The exits that networks are, in their order; None for members with one output."""
    return tuple(network.exit for network in networks if network.exit is not None) or None
