"""Functions for Python programs and notebooks, with plain arguments in place of configs. They are also names of `wee`.

They do what the commands do, on the same objects: logits come from arrays (`from_arrays`) or from a store (`from_store`), are
swept (`run_sweep`) or calibrated (`calibrate`), and results of the commands are read (`open_store`, `read_sweep`,
`load_cascade`, `load_logit_cascade`). Where an argument takes several values, a single value is the same as a list of one.
`import wee` alone imports neither torch nor pandas.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wee.costs import COSTS, MACS, source_conditions
from wee.data.logit_files import as_array, check_not_probabilities, encoded, warn_if_same
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.members.config import check_member
from wee.method.metrics import Task
from wee.method.policies import BASELINES, Rule, Width, Window
from wee.method.scores import DEFAULT_SCORE
from wee.method.summaries import NO_LABEL
from wee.store import LogitStore
from wee.sweep.cells import FAMILIES, SCALES
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, ScoringConfig, TaskConfig, WindowConfig
from wee.sweep.pool import Candidate, Pool, Samples, check_pick, check_recipes, read_pool
from wee.sweep.rules import SavedRule
from wee.units import counted

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from wee.cascade.calibrate import Calibrated
    from wee.cascade.description import Certification
    from wee.cascade.module import Cascade
    from wee.cascade.on_logits import LogitCascade

Score = str | Callable[..., Any]
"""A score: its name, or "module:function" or the function itself for one of your own."""

POLICIES_OF_THE_PAPER = (*BASELINES, Window.name)
"""The policies that are swept by default: single models, whole ensembles and windows."""


@dataclass(frozen=True)
class LogitSource:
    """Networks with their logits on the same samples, as returned by `from_arrays` or `from_store`.

    Attributes:
        pool: all networks, and the samples of each split.
    """

    pool: Pool

    def by_scale(self) -> list[Pool]:
        """Return the networks of each scale as a pool."""
        scales = dict.fromkeys(network.scale for network in self.pool.networks)
        return [
            replace(
                self.pool,
                scales=(scale,),
                networks=[network for network in self.pool.networks if network.scale == scale],
                entries=[entry for entry in self.pool.entries if entry.address.scale == scale],
                stages=(),
            )
            for scale in scales
        ]

    def named(self, kind: str) -> list[str]:
        """Return the names of the splits of a kind: "ood" or "shift"."""
        return [split.name for split in self.pool.samples if split.kind == kind]


@dataclass(frozen=True)
class SweepResults:
    """The tables of a sweep, as returned by `run_sweep` or `read_sweep`.

    Attributes:
        table: the tidy table, with a row for each setting, split and metric.
        rules: the fitted rules, one for each setting; empty if there are none.
        averages, differences: the means of settings and their comparisons, with intervals; None without intervals.
        folder: the folder that the tables were read from; None for a sweep that was run in this process.
    """

    table: pd.DataFrame
    rules: Sequence[SavedRule] = ()
    averages: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    folder: Path | None = None

    @cached_property
    def fronts(self) -> pd.DataFrame:
        """The fronts of every policy, chosen on validation and reported on test; see `wee.sweep.fronts.fronts`."""
        from wee.sweep.fronts import fronts

        return fronts(self.table)

    def best(self, metric: str, budget: float | None = None) -> pd.DataFrame:
        """Return the best setting of each policy within a budget, chosen on validation and reported on test.

        Args:
            metric: the metric, such as "cov@5".
            budget: the largest average cost of a validation sample; None for any.

        Returns:
            A row for each policy, the best on validation first; see `wee.sweep.best.best_settings`.

        Raises:
            WeeError: nothing can be chosen by the metric, or no setting fits; the message has the price of the cheapest.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> labels = rng.integers(3, size=400)
            >>> logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
            >>> source = from_arrays((logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:]))
            >>> results = run_sweep(source, tasks=["cov@10"], widths=[0.1, 0.2])
            >>> best = results.best("cov@10", budget=1.3)
            >>> best[["policy", "width", "price_val", "value"]].round(2).to_dict("records")[0]
            {'policy': 'window', 'width': 0.2, 'price_val': 1.17, 'value': 99.0}
        """
        from wee.sweep.best import best_settings

        return best_settings(self.table, metric, budget, self.averages)


@dataclass(frozen=True)
class Calibration:
    """A calibrated setting, as returned by `calibrate`.

    Attributes:
        lineup: the places of the networks in the source, in the order in which they run.
        rule: decides who goes on.
        score: the name of the confidence that decides, and that predictions are accepted by.
        threshold: the least confidence that is accepted; infinite if nothing could be certified.
        cost, value: the average cost, and the value of the task in per cent, on the tuning samples. They are optimistic,
            because the setting was chosen by them.
        combine: how outputs are combined: "average" or "replace".
        certification: what is guaranteed; None if nothing was to be.
    """

    lineup: tuple[int, ...]
    rule: Rule
    score: str
    threshold: float
    cost: float
    value: float
    combine: str
    certification: Certification | None = None

    def cascade(self, networks: Sequence[nn.Module]) -> Cascade:
        """Return the cascade that runs.

        Args:
            networks: all networks of the source, in its order, from images to logits [n, classes].
        """
        from wee.cascade.module import Cascade

        chosen = [networks[place] for place in self.lineup]
        return Cascade(
            chosen, self.rule, self.score, self.combine, acceptance=self.threshold, summing_order=list(self.lineup)
        )

    def on_logits(self) -> LogitCascade:
        """Return the cascade that is given logits [networks, N, classes] of all networks of the source, in its order.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> labels = rng.integers(3, size=400)
            >>> logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
            >>> source = from_arrays((logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:]))
            >>> prediction = calibrate(source, "cov@10", budget=1.3).on_logits()(logits[:, 200:])
            >>> prediction.label[:5].tolist(), prediction.stage[:5].tolist(), prediction.accepted[:5].all().item()
            ([0, 1, 0, 0, 2], [0, 0, 0, 0, 0], True)
        """
        from torch import nn

        from wee.cascade.on_logits import LogitCascade

        cascade = self.cascade([nn.Identity()] * (max(self.lineup) + 1))
        return LogitCascade(cascade, [f"network {place}" for place in self.lineup], self.lineup)


def open_store(folder: str | Path = "outputs/store") -> LogitStore:
    """Open a store of logits.

    Args:
        folder: the folder of the store.

    Raises:
        WeeError: there is no such folder.

    Example:
        >>> open_store("nowhere")
        Traceback (most recent call last):
        ...
        wee.errors.WeeError: there is no store at nowhere; fill one: wee evaluate, or wee import
    """
    if not Path(folder).is_dir():
        raise WeeError(f"there is no store at {folder}; fill one: wee evaluate, or wee import")
    return LogitStore(folder)


def read_sweep(sweep: str | Path = "newest", root: str | Path = "outputs/sweeps") -> SweepResults:
    """Read the tables of a sweep that `wee sweep` has made.

    Args:
        sweep: its name (for the newest of that name) or its folder; "newest" for the newest of all.
        root: the folder of all sweeps.

    Raises:
        WeeError: there is no such sweep, there are several, or a file is damaged.

    Example:
        >>> read_sweep("demo", root="nowhere")
        Traceback (most recent call last):
        ...
        wee.errors.WeeError: there is no sweep 'demo' in nowhere, and no such file. Make one: wee sweep name=demo
    """
    from wee.sweep.results import AVERAGES, RULES, check_file, find_sweeps, read_averages, read_rules, read_table

    path, *others = find_sweeps(Path(root), [str(sweep)])
    if others or not path.is_dir():
        raise WeeError(f"{sweep} is not one sweep: give the name or the folder of one sweep")
    differences = None
    if (path / "differences.csv").is_file():
        import pandas as pd

        check_file(path / "differences.csv")
        differences = pd.read_csv(path / "differences.csv")
    return SweepResults(
        read_table(path),
        read_rules(path) if (path / RULES).is_file() else [],
        read_averages([path]) if (path / AVERAGES).is_file() else None,
        differences,
        path,
    )


def from_arrays(
    val: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    costs: float | Sequence[float] = 1.0,
    ood: Mapping[str, ArrayLike] | None = None,
    shift: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
    name: str = "arrays",
    cost: str = MACS,
) -> LogitSource:
    """Take the logits of networks of one size from arrays.

    All networks belong to one scale. For networks of several sizes (scales), import the logits of each into a store with
    `wee import`, and use `from_store`.

    Args:
        val, test: logits [M, N, classes] of M networks on the validation and the test samples, and their classes [N].
        costs: the cost of one sample for each network, or one number for all; in the unit of `cost`.
        ood: logits on OOD sets [M, N, classes], by name.
        shift: logits and classes of shifted test sets, by name.
        groups: groups of dependent samples [N], as numbers or text, by split: "val", "test", or the name of a set. Samples of
            other splits are independent.
        name: the name of the data set, the family and the scale in tables.
        cost: the name of the cost that `costs` are amounts of. One of your own may end with a unit: "latency_ms".

    Raises:
        WeeError: shapes do not fit, a number is not finite, values are probabilities in place of logits, a cost is not
            positive, two sets have the same name, or a name cannot be used in tables or for a cost.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(3, size=200)
        >>> logits = rng.normal(size=(2, 200, 3)) + 2 * np.eye(3)[labels]
        >>> source = from_arrays((logits[:, :100], labels[:100]), (logits[:, 100:], labels[100:]))
        >>> len(source.pool.networks)
        2
    """
    _check_names(name, [*(ood or {}), *(shift or {})])
    priced_by = COSTS.find(cost).name
    parts: dict[SplitName, tuple[ArrayLike, ArrayLike | None]] = {VAL: val, TEST: test}
    parts |= {SplitName.ood(key): (logits, None) for key, logits in (ood or {}).items()}
    parts |= {SplitName.shifted(key): part for key, part in (shift or {}).items()}
    unknown = set(groups or {}) - {split.name or split.kind for split in parts}
    if unknown:
        raise WeeError(f"groups has {', '.join(sorted(map(str, unknown)))}, and there are no logits of that name")
    logits: dict[SplitName, Any] = {}
    samples: dict[SplitName, Samples] = {}
    for split, (values, classes) in parts.items():
        logits[split], samples[split] = _checked(split, values, classes, (groups or {}).get(split.name or split.kind))
    first = logits[VAL]
    for split, values in logits.items():
        if (len(values), values.shape[2]) != (len(first), first.shape[2]):
            raise WeeError(
                f"the logits on {split} are of {len(values)} networks and {values.shape[2]} classes, and those on val of "
                f"{len(first)} networks and {first.shape[2]} classes"
            )
    warn_if_same(first, logits[TEST])
    prices = [float(cost) for cost in costs] if isinstance(costs, Iterable) else [float(costs)] * len(first)
    if len(prices) != len(first) or not all(0 < price < np.inf for price in prices):
        raise WeeError(
            f"costs is {costs}: give one positive number for each of the {len(first)} networks, or one for all"
        )
    networks = [
        Candidate(name, name, member, None, price, {split: values[member] for split, values in logits.items()})
        for member, price in enumerate(prices)
    ]
    return LogitSource(Pool(name, (name,), (name,), networks, samples, [], cost=priced_by))


def from_store(
    store: LogitStore | str | Path,
    dataset: str,
    family: str,
    scales: str | Sequence[str] | None = None,
    members: int | Sequence[int] = 2,
    ood: str | Sequence[str] = (),
    shift: str | Sequence[str] = (),
    cost: str = MACS,
    pick: str | Sequence[str] = (),
    conditions: Mapping[str, Any] | None = None,
) -> LogitSource:
    """Take the logits of networks from a store.

    Args:
        store: the store, or its folder.
        dataset, family: the names of the ID data set and of the family.
        scales: the names of the scales; None for all that the store has.
        members: the number of members of each scale, or a list of their numbers.
        ood, shift: the names of OOD sets and of shifted test sets.
        cost: the name of the cost that networks are priced by.
        pick: which entry to take if several have the same name; see `wee sweep`.
        conditions: the conditions under which the cost was measured, if it was measured under several, such as
            `{"batch": 1}` for `cost="latency"`.

    Raises:
        WeeError: entries or their costs are missing, several entries fit, a pick matches none, no scale or member is named, or
            one is named twice.
    """
    store = store if isinstance(store, LogitStore) else open_store(store)
    known, _ = store.names(dataset, family, cost)
    if not known:
        raise WeeError(f"{store.root} has nothing of family {family} on data set {dataset}: see wee store ls")
    is_number = isinstance(members, int | np.integer) and not isinstance(members, bool)
    numbers = _distinct("members", range(int(members)) if is_number else members)  # type: ignore[arg-type]
    numbers = [int(number) if isinstance(number, np.integer) else number for number in numbers]
    chosen = _distinct("scales", known if scales is None else scales)
    if not numbers or not chosen:
        empty = "members" if not numbers else "scales"
        raise WeeError(f"{empty} is {members if not numbers else scales}: name at least one")
    for number in numbers:
        check_member(number)
    splits = [VAL, TEST, *map(SplitName.ood, _distinct("ood", ood)), *map(SplitName.shifted, _distinct("shift", shift))]
    picked = [str(choice) for choice in _several(pick)]
    measured = {**source_conditions(cost), **(conditions or {})}
    pool, missing = read_pool(store, dataset, family, chosen, numbers, splits, picked, cost=cost, conditions=measured)
    if pool is None:
        listed = ", ".join(map(str, missing[:4])) + (", .." if len(missing) > 4 else "")
        raise WeeError(
            f"{counted(len(missing), 'entry is', 'entries are')} not in {store.root}: {listed}. Leave out these "
            f"members={numbers}, scales={chosen} or sets, or make the entries: wee evaluate, or wee import for imported logits"
        )
    check_pick(pool.entries, picked)
    check_recipes(pool.entries, picked)
    return LogitSource(pool)


def run_sweep(
    source: LogitSource,
    tasks: str | Sequence[str] = ("cov@5",),
    metrics: str | Sequence[str] = (),
    policies: str | Sequence[str] = POLICIES_OF_THE_PAPER,
    widths: Width | Sequence[Width | tuple[Width, ...]] = (0.2,),
    quantiles: float | Sequence[float] = (0.2,),
    probabilities: float | Sequence[float] = (0.2,),
    scores: Score | Sequence[Score] = (DEFAULT_SCORE,),
    size: int = 2,
    combine: str = "average",
    temperature: bool = False,
    convention: str = "paper",
    resamples: int = 0,
    level: float = 0.95,
) -> SweepResults:
    """Evaluate cascades of networks on their logits. Nothing is written.

    Args:
        source: the networks and their logits.
        tasks: the tasks that windows are set for, and that are measured.
        metrics: further metrics.
        policies: the policies.
        widths: widths of windows; a tuple within the list has a width for each stage but the last.
        quantiles: quantiles of single thresholds.
        probabilities: probabilities of random exits.
        scores: the confidences that decide, and that results are ranked by: names, or functions of your own from a module.
        size: the number of networks of a cascade, all of one scale.
        combine: "average" outputs over the stages so far, or "replace" them by the latest.
        temperature: whether logits are divided by a temperature that is fitted on the validation set.
        convention: "paper" or "strict"; see `wee.method.curves`.
        resamples: number of bootstrap resamples; 0 for no intervals.
        level: the level of the intervals, in (0, 1).

    Raises:
        WeeError: a name does not exist, a value is out of range, or no policy applies to the networks.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(3, size=400)
        >>> logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
        >>> source = from_arrays((logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:]), costs=1e6)
        >>> table = run_sweep(source, tasks=["cov@10"], widths=[0.1, 0.2]).table
        >>> table = table[(table.metric == "cov@10") & (table.split == "test")]
        >>> table.groupby("policy", sort=False).value.mean().round(1).to_dict()
        {'single': 90.0, 'ensemble': 98.5, 'window': 96.0}
    """
    from wee.members.config import EnsembleConfig
    from wee.sweep.cache import SummaryCache
    from wee.sweep.differences import averages, differences
    from wee.sweep.floor import floor_warning
    from wee.sweep.plan import Plan
    from wee.sweep.resampled import constant_warning
    from wee.sweep.run import Result, compute

    chosen = _several(policies)
    pools = source.by_scale()
    members = [network.member for network in pools[0].networks]
    plan = Plan(
        EnsembleConfig(size=size, members=list(dict.fromkeys(members)), combine=combine, temperature=temperature),
        PolicyConfig(chosen, _several(quantiles), _several(probabilities)),
        WindowConfig(_several(widths)),
        ScoreConfig([_score_name(score) for score in _several(scores)]),
        TaskConfig(_several(tasks), _several(metrics), convention),
        BootstrapConfig(resamples, level),
        ood=source.named("ood"),
        shift=source.named("shift"),
    )
    if not any(plan.points(pool) for pool in pools):
        raise WeeError(f"no policy of {', '.join(chosen)} applies to cascades of {size} of {len(members)} networks")
    cache, result = SummaryCache(ScoringConfig()), Result()
    for pool in pools:
        result.extend(compute(pool, plan, cache))
    table = result.table()
    for warning in (floor_warning(table, plan.convention), constant_warning(table)):
        if warning is not None:
            warnings.warn(warning, stacklevel=2)
    if not resamples:
        return SweepResults(table, result.rules)
    return SweepResults(table, result.rules, averages(table, result, level), differences(table, result, level))


def calibrate(
    source: LogitSource,
    task: str,
    budget: float | None = None,
    target: float | None = None,
    score: Score = DEFAULT_SCORE,
    stages: int = 3,
    combine: str = "average",
    risk: float | None = None,
    disagreement: float | None = None,
    delta: float = 0.1,
    seed: int = 0,
) -> Calibration:
    """Choose networks and windows on the validation logits, set the acceptance threshold, and certify what is asked for.

    Args:
        source: the networks and their logits; those on the test set are not looked at.
        task: the task, such as "cov@5".
        budget: the largest average cost; None if a target is given.
        target: the value of the task to reach, in per cent; the cheapest setting that does is chosen. None with a budget.
        score: the confidence that decides, and that predictions are accepted by: a name, or a function of your own from a
            module.
        stages: the largest number of stages.
        combine: "average" outputs over the stages so far, or "replace" them by the latest.
        risk: the largest risk of accepted samples that is to be certified, in (0, 1); None for none.
        disagreement: the largest share of decisions that differ from those of the full ensemble, in (0, 1); None for none.
        delta: the probability that a guarantee fails, in (0, 1).
        seed: the seed of the split of the validation set into tuning and certification samples, if there are guarantees.

    Returns:
        The setting. If not everything that was asked for can be certified, a warning is given, and the threshold is infinite
        if nothing may be accepted.

    Raises:
        WeeError: a value is out of range, not one of budget and target is given, or no setting is within the budget or reaches
            the target.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(3, size=400)
        >>> logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
        >>> source = from_arrays((logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:]))
        >>> chosen = calibrate(source, "cov@10", budget=1.3)
        >>> chosen.lineup, chosen.cost <= 1.3
        ((0, 1), True)
    """
    from wee.cascade.calibrate import certified
    from wee.cascade.config import TESTED, CascadePlan, GuaranteeConfig, check_choice
    from wee.cascade.search import reaching, within_budget
    from wee.cascade.workshop import Workshop
    from wee.members.config import EnsembleConfig
    from wee.sweep.cache import SummaryCache

    parsed = Task.parse(task)
    if not parsed.metric.on_id:
        raise WeeError(
            f"task is {task}, which is about OOD data, and a setting is chosen on ID data alone: cov@.. or risk@.."
        )
    score = _score_name(score)
    scoring = ScoreConfig([score])
    TaskConfig([task])
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise WeeError(f"seed is {seed}: a seed is a whole number that is not negative")
    cost = source.pool.cost
    if (budget is None) == (target is None):
        raise WeeError(
            f"give one of budget and target: budget=1e6, the largest average cost ({COSTS.find(cost).heading}), or target=80, "
            f"the value of {parsed} to reach, in per cent"
        )
    if budget is not None and not budget > 0:
        raise WeeError(f"budget is {budget}: it is an average cost, more than 0")
    for argument, share in zip(TESTED, (risk, disagreement), strict=True):
        if share is not None and not 0 < share < 1:
            raise WeeError(f"{argument} is {share}: it is a share between 0 and 1, such as 0.05 for 5 %")
    budgets = {} if budget is None else {cost: float(budget)}
    check_choice(budgets, target, stages, cost)
    guarantee = GuaranteeConfig(risk=risk, disagreement=disagreement, delta=delta)
    replaces = EnsembleConfig(combine=combine).combine == "replace"
    plan = CascadePlan(
        str(parsed), scoring.exit[0], stages, budgets, target, guarantee, replaces, False, BootstrapConfig(), seed
    )
    workshop = Workshop(plan, source.pool, SummaryCache(ScoringConfig()))
    front = workshop.front()
    if target is not None:
        choice = reaching(front, parsed, target)
    else:
        known = COSTS.find(cost)
        choice = within_budget(front, parsed, budgets[cost], known.unit or known.label)
    fixed: Calibrated = workshop.calibrated(choice)
    certification = certified(fixed, guarantee, len(workshop.parts.certification))
    if certification is not None and certification.refusal is not None:
        warnings.warn(f"not certified: {certification.refusal}", stacklevel=2)
    if certification is not None and certification.note is not None:
        warnings.warn(certification.note, stacklevel=2)
    combined = "replace" if source.pool.multi_exit else combine  # an exit's output stands for itself
    return Calibration(
        choice.lineup, fixed.rule, score, fixed.threshold, choice.cost, choice.value, combined, certification
    )


def load_cascade(folder: str | Path, device: str = "cpu") -> Cascade:
    """Load the cascade that `wee calibrate` saved in a folder.

    Args:
        folder: the folder, with `cascade.json` and the weights.
        device: where networks run, as torch names it.

    Returns:
        The cascade, a torch module from images to predictions; its attribute `description` has the names of the classes, what
        to expect and what is certified.

    Raises:
        WeeError: the folder is not that of a cascade, was written by a newer version, or a file is missing or changed.

    Example:
        >>> load_cascade("nowhere")
        Traceback (most recent call last):
        ...
        wee.errors.WeeError: nowhere is not the folder of a cascade: it has no cascade.json; make one: wee calibrate
    """
    from wee.cascade.module import Cascade, RunOptions

    return Cascade.load(folder, RunOptions(device))


def load_logit_cascade(folder: str | Path) -> LogitCascade:
    """Load the cascade that `wee calibrate` saved in a folder, to be given logits that a program of yours computes.

    Args:
        folder: the folder, with `cascade.json`. It may have weights, which are not needed.

    Returns:
        The cascade: `cascade(logits)` with logits [members, N, classes] says what is predicted, with which confidence, at which
        stage each sample left, and whether it is accepted. See `wee.LogitCascade`.

    Raises:
        WeeError: the folder is not that of a cascade, was written by a newer version, or a file is missing or changed.

    Example:
        >>> load_logit_cascade("nowhere")
        Traceback (most recent call last):
        ...
        wee.errors.WeeError: nowhere is not the folder of a cascade: it has no cascade.json; make one: wee calibrate
    """
    from wee.cascade.on_logits import LogitCascade

    return LogitCascade.load(folder)


def _score_name(score: Score) -> str:
    """Return the name of a score, "module:function" for a function.

    Raises:
        WeeError: the function cannot be imported by that name.
    """
    if isinstance(score, str):
        return score
    module, name = getattr(score, "__module__", None), getattr(score, "__qualname__", None)
    if module in (None, "__main__") or getattr(sys.modules.get(str(module)), str(name), None) is not score:
        raise WeeError(
            f"the score {score!r} cannot be imported by name: define the function at the top level of a module (a file that is "
            'not the notebook or the script itself), and give the function or "module:function"'
        )
    return f"{module}:{name}"


def _several(values: Any) -> list[Any]:
    """Return the values of an argument that takes several; a single value may be given as it is."""
    return [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)


def _distinct(argument: str, values: Any) -> list[Any]:
    """Return the values of an argument that takes several different ones.

    Raises:
        WeeError: a value is there twice.
    """
    several = _several(values)
    if len(set(several)) < len(several):
        raise WeeError(f"{argument} is {values}: name each once")
    return several


def _check_names(name: str, sets: Sequence[str]) -> None:
    """Check the names of a data set, and of its OOD sets and shifted test sets.

    Raises:
        WeeError: a name is not text, is empty or has a sign that joins names in tables, or two sets have the same name.
    """
    if not isinstance(name, str) or not name or set(name) & {SCALES.separator, FAMILIES.separator}:
        raise WeeError(
            f"name is {name!r}: give text without {SCALES.separator} and {FAMILIES.separator}, which join names in tables"
        )
    for taken in sets:
        if not isinstance(taken, str) or not taken:
            raise WeeError(f"ood and shift have a set {taken!r}: name each set with text")
        if taken in (str(VAL), str(TEST)) or sets.count(taken) > 1:
            raise WeeError(
                f"ood and shift have a set {taken}: give each set a name of its own, other than {VAL} and {TEST}, because "
                "groups are given by name"
            )


def _checked(
    split: SplitName, values: ArrayLike, classes: ArrayLike | None, groups: ArrayLike | None
) -> tuple[Any, Samples]:
    """Return the logits of a split and its samples, after checking their shapes.

    Raises:
        WeeError: a shape does not fit, or a number is not finite.
    """
    logits = as_array(f"the logits on {split}", values)
    if logits.ndim != 3 or not logits.size:
        single = "; those of a single network are logits[None]" if logits.ndim == 2 else ""
        raise WeeError(
            f"the logits on {split} have shape {list(logits.shape)}: expected is [networks, samples, classes]{single}"
        )
    if not np.issubdtype(logits.dtype, np.floating):
        raise WeeError(f"the logits on {split} are of type {logits.dtype}: expected are floating-point numbers")
    if not np.isfinite(logits).all():
        raise WeeError(f"the logits on {split} are not all finite")
    check_not_probabilities(f"the logits on {split}", logits)
    count = logits.shape[1]
    labels = np.full(count, NO_LABEL) if classes is None else as_array(f"the classes on {split}", classes)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise WeeError(
            f"the classes on {split} are an array {list(labels.shape)} of {labels.dtype}: expected are {count} integers, one "
            "for each sample of logits [networks, samples, classes]"
        )
    if classes is not None and not ((labels >= 0) & (labels < logits.shape[2])).all():
        raise WeeError(f"the classes on {split} are not all in 0 .. {logits.shape[2] - 1}")
    ids = np.array([f"{split}-{place}" for place in range(count)], dtype=np.bytes_)
    try:
        named = ids if groups is None else encoded(as_array(f"the groups of {split}", groups))
    except UnicodeEncodeError as error:
        raise WeeError(f"the groups of {split} have a name that is no text: {error}") from None
    if named.shape != (count,):
        raise WeeError(f"the groups of {split} are an array {list(named.shape)}: give one for each of {count} samples")
    return logits, Samples(labels.astype(np.int64), ids, named)
