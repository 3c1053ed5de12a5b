"""The settings of a sweep: which networks run in which order, under every policy with every value of its parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from wee.config.common import EnsembleConfig
from wee.errors import WeeError
from wee.method import Convention, Ensemble, Policy, Random, Single, SingleThreshold, Task, Window
from wee.method.policies import Width
from wee.sweep.config import PolicyConfig, ScoreConfig, WindowConfig
from wee.sweep.pool import Network, Pool


@dataclass(frozen=True)
class Setting:
    """One policy with its parameters, and how it is named in tables.

    Attributes:
        policy: the policy's name.
        build: the policy.
        score: what samples go on by, None where nothing is looked at.
        task: the task that a window is set for, None for other policies.
        width: of the window, as text where stages have their own; None for other policies.
        fraction: quantile of the single threshold or probability of the random exit, None for other policies.
    """

    policy: str
    build: Policy
    score: str | None = None
    task: Task | None = None
    width: Width | str | None = None
    fraction: float | None = None


@dataclass(frozen=True)
class Order:
    """Networks in the order in which they run.

    Attributes:
        nodes: their places in the pool.
        role: "alone" (a single network), "together" (a set, all of which always run) or "cascade".
    """

    nodes: tuple[int, ...]
    role: Literal["alone", "together", "cascade"]


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
    names = {"alone": ("single",), "together": ("ensemble",), "cascade": ("window", "threshold", "random")}[role]
    wanted = [name for name in names if name in policy.names]
    if "single" in wanted:
        yield Setting("single", Single())
    if "ensemble" in wanted:
        yield Setting("ensemble", Ensemble())
    if "window" in wanted:
        for s, task, width in itertools.product(score.exit, tasks, window.width):
            if isinstance(width, tuple) and len(width) != stages - 1:
                continue  # for a cascade of another length; check_widths has seen that there is one
            build = Window(task, width, s, cast("Convention", convention))
            yield Setting("window", build, s, task, width=width_name(width))
    if "threshold" in wanted:
        for s, q in itertools.product(score.exit, policy.quantile):
            yield Setting("threshold", SingleThreshold(q, s), s, fraction=q)
    if "random" in wanted:
        for p in policy.probability:
            yield Setting("random", Random(p, policy.seed), fraction=p)


def width_name(width: Width | tuple[Width, ...]) -> Width | str:
    """A width as it stands in tables: a number, "all", or one for each stage, "0.7+0.2"."""
    return "+".join(f"{w:g}" if isinstance(w, float) else str(w) for w in width) if isinstance(width, tuple) else width


def check_widths(window: WindowConfig, orders: Sequence[Order]) -> None:
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


def orders(pool: Pool, ensemble: EnsembleConfig) -> list[Order]:
    """Every order in which a pool's networks are run.

    Raises:
        WeeError: exits are asked for that the network does not have, or of networks that have none.
    """
    networks = pool.networks
    if pool.multi_exit:
        return _exit_orders(pool, ensemble)
    if ensemble.exits:
        raise WeeError(f"ensemble.exits is for multi-exit networks; {pool.family}/{pool.scale} has one output")
    if ">" in pool.scale:
        return _mixed_orders(pool)
    alone = [Order((place,), "alone") for place in range(len(networks))]
    if ensemble.size == 1:
        return alone
    place = {network.member: k for k, network in enumerate(networks)}
    if ensemble.orders == "all":
        chosen = list(itertools.permutations(ensemble.members, ensemble.size))
    elif ensemble.orders == "given":
        chosen = list(itertools.combinations(ensemble.members, ensemble.size))
    else:
        chosen = [tuple(order) for order in ensemble.orders]
    placed = [tuple(place[member] for member in order) for order in chosen]
    return [*alone, *_together(placed), *(Order(nodes, "cascade") for nodes in placed)]


def _mixed_orders(pool: Pool) -> list[Order]:
    """Across scales: every choice of one member for each stage, none twice."""
    stages = [scale.rsplit("/", 1)[-1] for scale in pool.scale.split(">")]
    owners = [scale.rsplit("/", 1)[0] if "/" in scale else None for scale in pool.scale.split(">")]
    fitting = [
        [k for k, network in enumerate(pool.networks) if network.scale == scale and owner in (None, network.family)]
        for scale, owner in zip(stages, owners, strict=True)
    ]
    chosen = [nodes for nodes in itertools.product(*fitting) if len(set(nodes)) == len(nodes)]
    if not chosen:
        raise WeeError(f"a cascade {pool.scale} needs a member of its own for each stage; there are too few members")
    return [*_together(chosen), *(Order(nodes, "cascade") for nodes in chosen)]


def _exit_orders(pool: Pool, ensemble: EnsembleConfig) -> list[Order]:
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
        found += [Order((k,), "alone") for k in place.values()]
        found += [Order(tuple(place[e] for e in exits), "cascade") for exits in wanted]
    return found


def _together(orders: Sequence[tuple[int, ...]]) -> list[Order]:
    return [Order(nodes, "together") for nodes in dict.fromkeys(tuple(sorted(nodes)) for nodes in orders)]


def member_name(networks: Sequence[Network]) -> str:
    """Members as they stand in tables, in their order: "0+1"; of one multi-exit member, its number once."""
    if networks[0].exit is not None:
        return str(networks[0].member)
    return "+".join(str(network.member) for network in networks)


def exit_name(networks: Sequence[Network]) -> str | None:
    """Exits as they stand in tables, "3+5"; None where there are none."""
    return None if networks[0].exit is None else "+".join(str(network.exit) for network in networks)
