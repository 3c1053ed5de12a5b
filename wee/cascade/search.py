"""The search for the setting to calibrate: lineups times windows, on the tuning part of the validation set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wee.costs import within
from wee.errors import WeeError
from wee.method import Interval, IntervalRule, Outcome, RankedOutcome, Rule, Stages, Summary, Task
from wee.method.fronts import nondominated
from wee.method.policies import percentile_rank, quantile

SIDES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5)
"""How far a window reaches below and above the operating threshold, as shares of the tuning samples."""

BEAM = 24
"""The number of shorter cascades that longer ones are made from, spread over their front."""

Places = tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A network that can be a stage, as the search sees it.

    Attributes:
        cost: the cost of one sample; of an exit, up to that exit.
        member: what two stages cannot share; for exits, what all stages must share.
    """

    cost: float
    member: tuple[str, str, int]


@dataclass(frozen=True)
class Material:
    """The networks of a search, and what sets of them put out on the tuning samples.

    Attributes:
        networks: the networks.
        exits: whether they are exits of multi-exit members.
        replaces: whether a stage replaces the output of the stages before it, instead of averaging with them.
        summary: gives the summary of a set of networks, by their places in ascending order.
        ids: the ids of the tuning samples [N].
    """

    networks: Sequence[Network]
    exits: bool
    replaces: bool
    summary: Callable[[Places], Summary]
    ids: np.ndarray

    def stages(self, lineup: Places) -> Stages:
        """The stages of a lineup on the tuning samples."""
        costs = [self.networks[place].cost for place in lineup]
        sets = [(lineup[m],) if self.replaces else tuple(sorted(lineup[: m + 1])) for m in range(len(lineup))]
        return Stages(
            [self.summary(members) for members in sets], costs if self.exits else np.cumsum(costs).tolist(), self.ids
        )

    def followers(self, lineup: Places) -> Iterator[int]:
        """The networks that may run after a lineup: other members that cost no less, or later exits of the same member."""
        last = self.networks[lineup[-1]]
        used = {self.networks[place].member for place in lineup}
        for place, network in enumerate(self.networks):
            if self.exits:
                if network.member == last.member and network.cost > last.cost:
                    yield place
            elif network.member not in used and network.cost >= last.cost:
                yield place


@dataclass(frozen=True)
class Choice:
    """A setting, with its numbers on the tuning samples. They are optimistic: the setting was chosen by them.

    Attributes:
        lineup: the places of the networks, in the order in which they run.
        rule: the rule that decides who goes on.
        cost: the average cost.
        value: the value of the task, in per cent.
    """

    lineup: Places
    rule: Rule
    cost: float
    value: float


def search(
    material: Material, task: Task, score: str, sizes: int, done: Callable[[int], None] = lambda number: None
) -> list[Choice]:
    """The non-dominated settings in average cost and the value of a task, in ascending order of cost.

    Single networks are settings. Cascades of m + 1 stages are made of non-dominated cascades of m stages (at most `BEAM`,
    spread over their front), each with every network that may follow, and every window in `SIDES` x `SIDES` at the stage
    that was the last one before. Windows of cascades of two stages are searched exhaustively, those of longer ones stage by
    stage.

    Args:
        material: the networks.
        task: the task; curves are read in the strict convention.
        score: the name of the confidence that decides and ranks.
        sizes: the largest number of stages.
        done: called with the number of settings that have been evaluated since the last call.
    """
    level = [
        _evaluated(material.stages((place,)), (place,), IntervalRule(score, []), task)
        for place in range(len(material.networks))
    ]
    everything = list(level)
    for _ in range(1, sizes):
        longer: list[Choice] = []
        for choice in level:
            for place in material.followers(choice.lineup):
                settings = list(_extended(material, choice, place, task, score))
                longer += settings
                done(len(settings))
        everything += longer
        level = _spread(_front(longer, task)) if longer else []
    return _front(everything, task)


def _extended(material: Material, choice: Choice, place: int, task: Task, score: str) -> Iterator[Choice]:
    """The settings of a cascade with one more stage: every window at the stage that was the last one."""
    lineup = (*choice.lineup, place)
    stages = material.stages(lineup)
    before = stages.summaries[-2]
    ascending = before.ranked(score).ascending
    tau = task.tau(before, score, "strict")
    rank = percentile_rank(ascending, tau)
    assert isinstance(choice.rule, IntervalRule)
    windows = {}
    for below in SIDES:
        for above in SIDES:
            if below or above:
                ends = (quantile(ascending, max(rank - below, 0)), quantile(ascending, min(rank + above, 1)))
                windows[ends] = Interval(*ends, tau, rank)
    windows[-np.inf, np.inf] = Interval(-np.inf, np.inf, tau, rank)
    for interval in windows.values():
        yield _evaluated(stages, lineup, IntervalRule(score, [*choice.rule.intervals, interval]), task)


def _spread(front: Sequence[Choice]) -> list[Choice]:
    """Return at most `BEAM` settings, spread evenly over a front, with both of its ends."""
    places = np.linspace(0, len(front) - 1, min(BEAM, len(front))).round().astype(int)
    return [front[place] for place in dict.fromkeys(places.tolist())]


def _evaluated(stages: Stages, lineup: Places, rule: IntervalRule, task: Task) -> Choice:
    outcome = stages.at(rule(stages))
    return Choice(lineup, rule, outcome.mean_cost, value_of(outcome, task, rule.score))


def value_of(outcome: Outcome, task: Task, score: str) -> float:
    """The value of a task, in per cent, in the strict convention."""
    return task.metric.of_ranking(RankedOutcome(outcome, score, convention="strict"))


def _front(choices: Sequence[Choice], task: Task) -> list[Choice]:
    costs, values = (np.array([getattr(choice, name) for choice in choices]) for name in ("cost", "value"))
    kept = nondominated(costs, values, task.higher_is_better).tolist()
    return sorted(itertools.compress(choices, kept), key=lambda choice: choice.cost)


def within_budget(front: Sequence[Choice], task: Task, budget: float, cost: str) -> Choice:
    """The setting of a front with the best value whose average cost is within a budget.

    Args:
        front: as `search` returns it.
        task: the task.
        budget: the largest average cost.
        cost: the unit of the cost, or the label of a cost that is a count, for messages.

    Raises:
        WeeError: no setting is that cheap; the message names the cheapest.
    """
    affordable = [choice for choice in front if within(choice.cost, budget)]
    if not affordable:
        cheapest = min(front, key=lambda choice: choice.cost)
        raise WeeError(
            f"nothing costs at most {budget:g} {cost}: the cheapest setting costs {cheapest.cost:g} {cost} a sample and has "
            f"{task} = {cheapest.value:.2f} % on the tuning samples"
        )
    return max(affordable, key=lambda choice: choice.value if task.higher_is_better else -choice.value)


def reaching(front: Sequence[Choice], task: Task, target: float) -> Choice:
    """The cheapest setting of a front that reaches a value of its task on the tuning samples.

    Args:
        front: as `search` returns it.
        task: the task.
        target: the value, in per cent.

    Raises:
        WeeError: no setting reaches it; the message names the best.
    """
    sign = 1 if task.higher_is_better else -1
    good = [choice for choice in front if sign * (choice.value - target) >= 0]
    if not good:
        best = max(front, key=lambda choice: sign * choice.value)
        raise WeeError(
            f"no setting reaches {task} = {target:g} % on the tuning samples: the best has {best.value:.2f} %, at an average "
            f"cost of {best.cost:g}"
        )
    return min(good, key=lambda choice: choice.cost)
