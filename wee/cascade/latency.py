"""Times of networks, ensembles and cascades on this machine, each through the code that runs them live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from wee.cascade.module import Cascade, RunOptions, select
from wee.cascade.schedule import ScheduledRule, draw_exits, shares_reaching
from wee.costs.latency import Conditions, ascending, calls_in_turn, forward_passes, mixed_precision, synchroniser
from wee.costs.timing import Subject, Times, interleaved
from wee.dates import timestamp
from wee.errors import WeeError
from wee.machine import processors
from wee.members.origins import Origin, Trained
from wee.method import FixedRule, Rule
from wee.method.arrays import Floats, Ints
from wee.method.policies import StageRule
from wee.method.scores import DEFAULT_SCORE
from wee.models.build import build
from wee.models.exits import Exit, MultiExit
from wee.sweep.times import NETWORK, SETTING_KEYS, TimedRow

N = TypeVar("N", float, Floats)

TRAINED, RANDOM = "trained", "random"
"""Where the weights of timed networks come from."""


@dataclass(frozen=True)
class TimingPlan:
    """How times are measured.

    Attributes:
        batches: the batch sizes.
        images: the least number of images that are timed at each batch size.
        rounds: the number of rounds; everything has its turn in each.
        warmup: the number of calls before the first round, which are not timed.
        seed: the seed of the order in which images leave cascades.
        where: the device, the precision and the memory layout.
    """

    batches: Sequence[int]
    images: int
    rounds: int
    warmup: int
    seed: int
    where: Conditions


@dataclass(frozen=True)
class TimedNetwork:
    """A network that is timed, or an exit of one.

    Attributes:
        dataset, family, scale: its name.
        network: the network, on the device and in evaluation mode.
        exit: number of the exit, counted from 1; None for a network with one output.
        size: side of its input in pixels.
        channels: number of channels of its input.
        architecture: what it is built from, as plain data.
        weights: `TRAINED` or `RANDOM`.
    """

    dataset: str
    family: str
    scale: str
    network: nn.Module
    exit: int | None
    size: int
    channels: int
    architecture: Mapping[str, Any]
    weights: str

    @property
    def name(self) -> tuple[str, str]:
        """The family and the scale: networks of the same name take the same time."""
        return self.family, self.scale

    @property
    def member(self) -> nn.Module | Exit:
        """The network or the exit, as a cascade takes it."""
        return self.network if self.exit is None else Exit(self.network, self.exit)

    @property
    def exits(self) -> list[int | None]:
        """The numbers of all exits of the network; [None] for a network with one output."""
        return [*range(1, self.network.exits + 1)] if isinstance(self.network, MultiExit) else [None]


@dataclass(frozen=True)
class Contender:
    """A single model, an ensemble or a cascade, as it runs live.

    Attributes:
        columns: the columns that name it in the table of times: `subject`, `name` and those of a setting.
        parts: the networks or exits, in the order in which they run.
        rule: decides who goes on.
        reaching: the share of images that reaches each part.
        orders: number of lineups over which the shares are averaged.
        score: the final confidence.
        combine: how outputs are combined, as `Cascade` takes it.
        temperatures: what logits are divided by.
        acceptance: the least final confidence that is accepted.
    """

    columns: Mapping[str, Any]
    parts: Sequence[TimedNetwork]
    rule: Rule
    reaching: Sequence[float]
    orders: int = 1
    score: str = DEFAULT_SCORE
    combine: str = "average"
    temperatures: Sequence[float | None] | None = None
    acceptance: float | None = None

    def describe(self) -> dict[str, Any]:
        """The contender as plain data."""
        parts = [[*part.name, part.exit, part.size, part.channels, part.architecture] for part in self.parts]
        shares = [round(float(share), 9) for share in self.reaching]
        return {
            **self.columns,
            "parts": parts,
            "reaching": shares,
            "orders": self.orders,
            "rule": type(self.rule).__name__,
        }


class Shelf:
    """Builds the networks that are timed, each once.

    Weights of trained members are read. Where there are none, the network has random weights: its times do not depend on
    them.

    Args:
        origin: returns the origin of a member, given its scale and number.
        where: the device and the memory layout.
    """

    def __init__(self, origin: Callable[[str, int], Origin], where: Conditions) -> None:
        self._origin, self._where = origin, where
        self._parts: dict[tuple[str, int], TimedNetwork] = {}

    def part(self, scale: str, member: int, exit: int | None = None) -> TimedNetwork:
        """Return a member, or an exit of it.

        Raises:
            WeeError: the network cannot be built, or has no such exit.
        """
        if (scale, member) not in self._parts:
            self._parts[scale, member] = self._built(scale, member)
        part = self._parts[scale, member]
        if exit is not None and exit not in part.exits:
            raise WeeError(
                f"{part.family}/{scale} has no exit {exit}, and the setting has one: another family is meant"
            )
        return replace(part, exit=exit)

    def _built(self, scale: str, member: int) -> TimedNetwork:
        origin = self._origin(scale, member)
        data, where = origin.dataset, self._where
        size = origin.architecture.input_size
        trained = isinstance(origin, Trained) and origin.is_there
        network = origin.network().module if trained else build(origin.architecture, data.classes, data.channels)
        if not trained:
            standardise(network, size, data.channels)
        architecture = origin.architecture.identity()
        weights = TRAINED if trained else RANDOM
        prepared = where.prepare(network)
        return TimedNetwork(
            data.name, origin.family.name, scale, prepared, None, size, data.channels, architecture, weights
        )  # fmt: skip


def standardise(network: nn.Module, size: int, channels: int, images: int = 16) -> None:
    """Set the statistics of a network's batch norms from random images.

    Activations of a deep network with random weights can become so small that processors compute with them slowly. With
    statistics of their own, batch norms keep activations in the usual range.

    Args:
        network: the network; it stays in evaluation mode.
        size, channels: of the images.
        images: the number of random images.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        network(torch.randn(images, channels, size, size, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def networks_of(contenders: Sequence[Contender]) -> list[TimedNetwork]:
    """Return one network for each family and scale of some contenders, in the order in which they appear."""
    networks: dict[tuple[str, str], TimedNetwork] = {}
    for part in (part for contender in contenders for part in contender.parts):
        networks.setdefault(part.name, replace(part, exit=None))
    return list(networks.values())


def total_images(contenders: Sequence[Contender], plan: TimingPlan) -> int:
    """Return the number of images that are timed in all."""
    subjects = 2 * len(contenders) + sum(len(part.exits) for part in networks_of(contenders))
    return subjects * sum(
        calls_in_turn(plan.images, batch, plan.rounds) * plan.rounds * batch for batch in plan.batches
    )


def measure(
    contenders: Sequence[Contender],
    plan: TimingPlan,
    key: str,
    clock: Callable[[], float] = time.perf_counter,
    done: Callable[[int], None] = lambda images: None,
) -> list[TimedRow]:
    """Time the contenders, and the networks that they consist of, in the same rounds.

    Args:
        contenders: what is timed.
        plan: how.
        key: identifies the measurement; see `TimedRow.key`.
        clock: returns the time in seconds.
        done: called with the number of images that have been timed since the last call.

    Returns:
        A row for each network (or exit of a network) and each contender, at each batch size.

    Raises:
        WeeError: a rule cannot run live.
    """
    rows = []
    for batch in plan.batches:
        rows += _Bench(contenders, plan, batch).rows(key, clock, done)
    return rows


class _Bench:
    """Everything that is timed at one batch size.

    Args:
        contenders: the contenders.
        plan: how times are measured.
        batch: the batch size.
    """

    def __init__(self, contenders: Sequence[Contender], plan: TimingPlan, batch: int) -> None:
        self._contenders, self._plan = contenders, plan
        self._where = replace(plan.where, batch=batch)
        self._calls = calls_in_turn(plan.images, batch, plan.rounds)
        self._images: dict[tuple[int, int], Tensor] = {}
        self._networks = networks_of(contenders)

    def rows(
        self, key: str, clock: Callable[[], float], done: Callable[[int], None]
    ) -> list[TimedRow]:  # fmt: skip
        """Time everything; see `measure`."""
        plan, batch = self._plan, self._where.batch
        passes = [
            (part, run)
            for part in self._networks
            for run in forward_passes(part.network, self._input(part), self._where.autocast)
        ]
        exits = [self._exits(contender) for contender in self._contenders]
        runs = [run for _, run in passes]
        for contender, leaving in zip(self._contenders, exits, strict=True):
            runs += [self._live(contender, leaving), self._passes(contender, leaving)]
        subjects = [Subject(run, batch, self._calls) for run in runs]
        synchronise = synchroniser(self._where.device)
        times = interleaved(subjects, plan.rounds, plan.warmup, synchronise, clock, done)
        alone: dict[tuple[str, str], list[Times]] = {part.name: [] for part in self._networks}
        for (part, _), of_pass in zip(passes, times, strict=False):
            alone[part.name].append(of_pass)
        about = {
            **self._where.describe(),
            "processors": processors(),
            "created": timestamp(),
            "key": key,
        }
        rows = []
        for part in self._networks:
            for exit, of_network in zip(part.exits, alone[part.name], strict=True):
                rows.append(
                    _row(
                        _network_columns(part, exit),
                        [replace(part, exit=exit)],
                        (of_network, of_network),
                        alone,
                        None,
                        1,
                        about,
                    )
                )
        live = times[len(passes) :]
        for contender, leaving, pair in zip(
            self._contenders, exits, zip(live[::2], live[1::2], strict=True), strict=True
        ):
            by_round = leaving.reshape(plan.rounds, -1)
            rows.append(_row(contender.columns, contender.parts, pair, alone, by_round, contender.orders, about))
        return rows

    def _input(self, part: TimedNetwork) -> Tensor:
        """A batch of random images for a network; networks of the same input share it."""
        shape = part.size, part.channels
        if shape not in self._images:
            self._images[shape] = self._where.images(*shape)
        return self._images[shape]

    def _exits(self, contender: Contender) -> Ints:
        """The part after which each image leaves, for each call [calls, batch]."""
        count = self._plan.rounds * self._calls * self._where.batch
        return draw_exits(contender.reaching, count, self._plan.seed).reshape(-1, self._where.batch)

    def _live(self, contender: Contender, exits: Ints) -> Callable[[int], object]:
        """A function that runs one batch through a contender, as a live cascade."""
        where, parts, rule = self._where, contender.parts, contender.rule
        scheduled: ScheduledRule | None = None
        if not isinstance(rule, FixedRule):
            if not isinstance(rule, StageRule):
                raise WeeError(f"the rule {type(rule).__name__} cannot run live: it does not decide stage by stage")
            scheduled = ScheduledRule(rule, exits, where.device)
        cascade = Cascade(
            [part.member for part in parts],
            rule if scheduled is None else scheduled,
            contender.score,
            contender.combine,
            contender.temperatures,
            contender.acceptance,
            options=RunOptions(
                where.device,
                None if where.autocast is None else getattr(torch, where.autocast),
                where.channels_last,
            ),
        )
        inputs = [self._input(part) for part in parts]
        reads_ids = scheduled is not None and scheduled.reads_ids
        ids = np.arange(where.batch).astype(np.bytes_) if reads_ids else None
        shared = all(images is inputs[0] for images in inputs)

        def prepare(stage: int, places: Tensor) -> Tensor:
            return select(inputs[stage], places.to(inputs[stage].device))

        def run(call: int) -> object:
            if scheduled is not None:
                scheduled.batch = call
            return cascade(inputs[0], ids) if shared else cascade.run_prepared(prepare, where.batch, ids)

        return run

    def _passes(self, contender: Contender, exits: Ints) -> Callable[[int], object]:
        """A function that runs the forward passes of a contender on one batch, and nothing else."""
        parts, where = contender.parts, self._where
        counts = [[int((leaving >= stage).sum()) for stage in range(len(parts))] for leaving in exits]
        inputs = [self._input(part) for part in parts]

        def run(call: int) -> object:
            states: dict[int, tuple[int, list[Tensor]]] = {}
            with torch.inference_mode(), mixed_precision(inputs[0].device, where.autocast):
                for part, images, count in zip(parts, inputs, counts[call], strict=True):
                    if not count:
                        break
                    if part.exit is None:
                        part.network(images[:count])
                        continue
                    done, state = states.get(id(part.network), (0, [images]))
                    network: Any = part.network
                    _, features = network.resume([tensor[:count] for tensor in state], done, part.exit)
                    states[id(part.network)] = part.exit, features
            return None

        return run


def added_times(parts: Sequence[TimedNetwork], times: Sequence[N]) -> list[N]:
    """Return the time that each part adds to a cascade, given the time that each takes alone.

    A network adds its own time, and an exit the time since the exit before it of the same network.

    Args:
        parts: the parts, in the order in which they run.
        times: the time of each part, from the image on; numbers, or arrays of the same shape.
    """
    reached: dict[int, N] = {}
    added: list[N] = []
    for part, until in zip(parts, times, strict=True):
        before = reached.get(id(part.network)) if part.exit is not None else None
        added.append(until if before is None else until - before)
        reached[id(part.network)] = until
    return added


def exit_costs(rows: Sequence[TimedRow], part: TimedNetwork, batch: int) -> list[float]:
    """Return the mean time of a network at a batch size in seconds, or up to each of its exits, ascending."""
    own = [
        row for row in rows if row.subject == NETWORK and (row.family, row.scale) == part.name and row.batch == batch
    ]
    return ascending([row.mean for row in own])


def _network_columns(part: TimedNetwork, exit: int | None) -> dict[str, Any]:
    names = {"dataset": part.dataset, "family": part.family, "scale": part.scale, "size": 1}
    exits = None if exit is None else str(exit)
    return {**dict.fromkeys(SETTING_KEYS), "subject": NETWORK, "name": None, **names, "exits": exits}


def _row(
    columns: Mapping[str, Any],
    parts: Sequence[TimedNetwork],
    pair: tuple[Times, Times],
    alone: Mapping[tuple[str, str], Sequence[Times]],
    exits: Ints | None,
    orders: int,
    about: Mapping[str, Any],
) -> TimedRow:
    """Return the row of something that was timed.

    Args:
        columns: what names it.
        parts: its networks or exits.
        pair: its times, and those of its forward passes alone.
        alone: the times of each network, or of each of its exits.
        exits: the part after which each image left, in each round [rounds, images]; None if all images left after the first.
        orders: the number of lineups that it stands for.
        about: the columns that all rows share.
    """
    times, bare = pair
    own = [alone[part.name][0 if part.exit is None else part.exit - 1] for part in parts]
    reaching = np.ones(1) if exits is None else shares_reaching(exits, len(parts))
    ideal = float(np.dot(reaching, added_times(parts, [one.mean for one in own])))
    added = np.array(added_times(parts, [one.rounds for one in own]))
    by_round = np.ones((len(times.rounds), 1)) if exits is None else np.array(
        [shares_reaching(leaving, len(parts)) for leaving in exits]
    )  # fmt: skip
    ideals = (by_round * added.T).sum(axis=1)
    lower, median, upper = times.quartiles
    return TimedRow(
        **{**columns, **about},
        weights=TRAINED if all(part.weights == TRAINED for part in parts) else RANDOM,
        orders=orders,
        images=times.samples,
        reaching=tuple(round(float(share), 6) for share in reaching),
        mean=times.mean,
        median=median,
        lower=lower,
        upper=upper,
        throughput=times.throughput,
        ideal=ideal,
        efficiency=ideal / times.mean,
        efficiency_median=float(np.median(ideals / times.rounds)),
        passes=bare.mean,
        passes_share=float(np.median(bare.rounds / times.rounds)),
    )
