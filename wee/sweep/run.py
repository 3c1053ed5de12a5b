"""Runs a plan: every setting on every split, with one row of the tidy table for each number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wee.data.splits import TEST, VAL, SplitName
from wee.method import (
    OOD_SHARE,
    IntervalRule,
    Metric,
    Outcome,
    RankedOutcome,
    Rule,
    Stages,
    Summary,
    Task,
    Window,
    interval,
)
from wee.method import bootstrap as resample
from wee.method.arrays import Floats, Ints
from wee.method.bootstrap import group_numbers, prepare
from wee.method.metrics.plugins import OwnKind
from wee.method.policies import Role, is_threshold
from wee.sweep.cache import SummaryCache
from wee.sweep.certification import Certifier, Parted, TunedSystem
from wee.sweep.config import BootstrapConfig, ScoringConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool
from wee.sweep.prices import with_macs
from wee.sweep.rows import Cells, Row, SettingColumns, cells_of, csv_of, table_of
from wee.sweep.rules import Acceptance, LineupMember, SavedRule
from wee.sweep.settings import Lineup, Setting, all_lineups, check_widths, exits_of, members_of
from wee.sweep.workers import START, UNITS, Unit, compute_units, ranges

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Baseline:
    """A measured setting, as used in averages and comparisons: that of a row, or the single threshold for a window.

    Attributes:
        price: average cost of the setting.
        value: value of the row's metric.
        draws: resampled values of the metric [resamples].
        is_window: for a single threshold, whether the window that it is compared with acts as a single threshold, too.
    """

    price: float
    value: float
    draws: Floats
    is_window: bool = False


@dataclass(frozen=True)
class Result:
    """The rows of a table, and the data that intervals and differences are computed from.

    Attributes:
        cells: the cells of each column of the table.
        draws: resampled values of each row [resamples]; None without intervals, and on validation.
        thresholds: for each row of a window, the single threshold that it is compared with; None for other rows.
        rules: the fitted rule of each setting.
        lines: the lines of the table as text, in parts.
    """

    cells: Cells = field(default_factory=lambda: cells_of([]))
    draws: list[Floats | None] = field(default_factory=list)
    thresholds: list[Baseline | None] = field(default_factory=list)
    rules: list[SavedRule] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def table(self) -> pd.DataFrame:
        """Return the rows as a table."""
        return with_macs(table_of(self.cells))

    def add(self, rows: Sequence[Row], draws: Sequence[Floats | None], thresholds: Sequence[Baseline | None]) -> None:
        """Append rows, with their resampled values and the single thresholds that they are compared with."""
        self.extend(Result(cells_of(rows), list(draws), list(thresholds)))

    def extend(self, other: Result) -> None:
        """Append the rows and the rules of another result."""
        for name, column in self.cells.items():
            column.extend(other.cells[name])
        self.draws.extend(other.draws)
        self.thresholds.extend(other.thresholds)
        self.rules.extend(other.rules)
        self.lines.extend(other.lines)


def compute(
    pool: Pool,
    plan: Plan,
    scorer: SummaryCache | None = None,
    done: Callable[[int], None] = lambda points: None,
    processes: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> Result:
    """Compute the rows of one pool.

    Args:
        pool: the networks and their logits.
        plan: what to compute.
        scorer: computes the summaries of networks; None for a cache that keeps nothing.
        done: called with the number of settings finished since the last call.
        processes: the number of processes. No number depends on it.
        meanwhile: called in a thread while other processes compute; not called if there is one process.
    """
    prepared = PoolSweep.of(pool, plan, scorer or SummaryCache(ScoringConfig()))
    if processes > 1 and START == "fork":
        prepared.prepare_resamples()
    result = Result()
    for part in compute_units(prepared, prepared.units(processes), processes, done, meanwhile):
        result.extend(part)
    return result


@dataclass(frozen=True)
class Lineups:
    """The lineups of a pool that a plan has settings for, with the summaries of their networks.

    Attributes:
        pool: the pool, without its logits.
        plan: the plan.
        lineups: the lineups.
        summaries: the summaries of the sets of networks, on each split.
    """

    pool: Pool
    plan: Plan
    lineups: Sequence[Lineup]
    summaries: Mapping[SplitName, Mapping[tuple[int, ...], Summary]]

    @classmethod
    def of(cls, pool: Pool, plan: Plan, scorer: SummaryCache, tuning: Ints | None = None) -> Lineups:
        """Compute the summaries, or read those that are kept.

        Args:
            pool: the networks and their logits.
            plan: what to compute.
            scorer: computes the summaries of networks.
            tuning: the places of the validation samples that temperatures are fitted on, if the plan has temperatures; there
                are then no summaries on OOD sets. None for all validation samples and all splits.
        """
        lineups = all_lineups(pool, plan.ensemble)
        check_widths(plan.window, lineups)
        lineups = [lineup for lineup in lineups if plan.settings(lineup)]
        replaces = pool.multi_exit or plan.ensemble.combine == "replace"
        sets = sorted({members for lineup in lineups for members in _sets(lineup, replaces)})
        temperatures = scorer.temperatures(pool, tuning) if plan.ensemble.temperature else None
        scores = plan.score.needed()
        splits = plan.splits if tuning is None else plan.labelled
        summaries = {split: scorer.summaries(pool, split, sets, scores, temperatures) for split in splits}
        return cls(pool.without_logits(), plan, lineups, summaries)

    def settings(self, lineup: int) -> list[Setting]:
        """Return the settings of a lineup, given by its number."""
        return self.plan.settings(self.lineups[lineup])

    def stages(self, lineup: int) -> dict[SplitName, Stages]:
        """Return the stages of a lineup on each split.

        Sorted scores are cached in the stages, so that dropping the stages frees the scores too.
        """
        replaces = self.pool.multi_exit or self.plan.ensemble.combine == "replace"
        return {
            split: _stages(self.pool, split, self.lineups[lineup], replaces, summaries)
            for split, summaries in self.summaries.items()
        }


@dataclass(frozen=True)
class _Ready:
    """A lineup whose settings are being computed.

    Attributes:
        settings: its settings.
        stages: its stages on each split.
        parted: the stages with the validation set in its parts; None if nothing is certified.
    """

    settings: Sequence[Setting]
    stages: Mapping[SplitName, Stages]
    parted: Parted | None


@dataclass
class PoolSweep:
    """The settings of a pool, prepared so that any process can compute some of them.

    Attributes:
        lineups: the lineups and the summaries of their networks.
        groups: the group of each sample on each split.
        temperatures: the temperature of each network; None if temperatures are not fitted.
        certifier: how settings are certified; None if nothing is certified.
        tuned: the lineups with temperatures that the tuning part of the validation set fixes; None if there are none.
        tuned_temperatures: these temperatures.
    """

    lineups: Lineups
    groups: Mapping[SplitName, Ints]
    temperatures: Sequence[float] | None
    certifier: Certifier | None = None
    tuned: Lineups | None = None
    tuned_temperatures: Sequence[float] | None = None
    _ready: tuple[int, _Ready] | None = None

    @classmethod
    def of(cls, pool: Pool, plan: Plan, scorer: SummaryCache) -> PoolSweep:
        """Prepare the settings of a pool: its summaries and temperatures.

        Args:
            pool: the networks and their logits.
            plan: what to compute.
            scorer: computes the summaries of networks.
        """
        groups = {split: group_numbers(samples.groups) for split, samples in pool.samples.items()}
        temperatures = scorer.temperatures(pool) if plan.ensemble.temperature else None
        certifier = Certifier.of(pool, plan.guarantee) if plan.certifies else None
        tuned, tuned_temperatures = None, None
        if certifier is not None and plan.ensemble.temperature:  # the temperatures are fitted again, too
            tuned = Lineups.of(pool, plan, scorer, certifier.parts.tuning)
            tuned_temperatures = scorer.temperatures(pool, certifier.parts.tuning)
        lineups = Lineups.of(pool, plan, scorer)
        return cls(lineups, groups, temperatures, certifier, tuned, tuned_temperatures)

    def prepare_resamples(self) -> None:
        """Do once what every forked process would otherwise do for itself before its first resample."""
        plan = self.lineups.plan
        if not plan.bootstrap.resamples:
            return
        (score, *_), stages = plan.score.needed(), self.lineups.stages(0)
        outcomes = {split: stages[split].at(np.zeros(len(groups), np.int64)) for split, groups in self.groups.items()}
        metrics = [
            metric for metric in plan.metrics if metric.operated_for is None and not isinstance(metric.kind, OwnKind)
        ]
        on_id, on_ood = [m for m in metrics if m.on_id], [m for m in metrics if m.on_ood]
        arguments = plan.bootstrap.resamples, plan.bootstrap.seed
        for split in (TEST, *plan.shifted):
            prepare(RankedOutcome(outcomes[split], score), on_id, self.groups[split], None, *arguments)
        for split in map(SplitName.ood, plan.ood):
            beside = RankedOutcome(outcomes[TEST], score).with_ood(outcomes[split], OOD_SHARE)
            prepare(beside, on_ood, self.groups[TEST], self.groups[split], *arguments)

    def units(self, processes: int) -> list[Unit]:
        """Return the units of work for a number of processes; for one process, each lineup is a unit."""
        counts = [len(self.lineups.settings(number)) for number in range(len(self.lineups.lineups))]
        size = max(1, sum(counts) if processes == 1 else -(-sum(counts) // (processes * UNITS)))
        return [
            Unit(number, start, stop, stop - start)
            for number, count in enumerate(counts)
            for start, stop in ranges(count, size)
        ]

    def compute(self, unit: Unit, done: Callable[[int], None] = lambda points: None) -> Result:
        """Compute some settings of a lineup.

        Args:
            unit: which ones.
            done: called with the number of settings finished since the last call.
        """
        ready, lineup = self._lineup(unit.lineup), self.lineups.lineups[unit.lineup]
        result = Result()
        for setting in ready.settings[unit.start : unit.stop]:
            cascade = _Cascade(self.lineups.pool, lineup, setting, ready.stages, self.groups, self.lineups.plan)
            self._compute(cascade, ready.parted, result)
            done(1)
        result.lines.append(csv_of(result.cells))
        return result

    def _compute(self, cascade: _Cascade, parted: Parted | None, result: Result) -> None:
        """Append the rows and the rule of one setting to a result."""
        for run in cascade.runs():
            result.extend(cascade.measure(run))
            if run.split == VAL:
                result.rules.append(cascade.saved(run, self.temperatures))
            elif run.adjusted and run.ood is not None:
                result.rules[-1] = result.rules[-1].with_adjusted(run.ood, run.rule, run.outcome.ood_share)
        if self.certifier is not None and parted is not None and cascade.plan.certified_for(cascade.setting.task):
            refitted = cascade.refitted(self.certifier, parted)
            for run in refitted.runs():
                result.extend(refitted.measure(run))
                if run.split == TEST:
                    result.rules[-1] = result.rules[-1].with_certified(refitted.saved(run, self.tuned_temperatures))

    def _lineup(self, number: int) -> _Ready:
        """Return a lineup's settings and stages. Those of the latest lineup are kept, because they cache sorted scores."""
        if self._ready is None or self._ready[0] != number:
            self._ready = None  # frees the scores of the lineup before
            stages = self.lineups.stages(number)
            parted = None
            if self.certifier is not None:
                parted = self.certifier.parted(stages if self.tuned is None else self.tuned.stages(number))
            self._ready = number, _Ready(self.lineups.settings(number), stages, parted)
        return self._ready[1]


@dataclass(frozen=True)
class _Run:
    """A fitted rule, run on one labelled split, alone or beside an OOD set.

    Attributes:
        rule: the rule.
        split: the labelled split.
        ood: the name of the OOD set; None for ID data alone.
        adjusted: whether the rule's windows were adjusted to the unlabelled stream.
        outcome: the outcome of the rule.
    """

    rule: Rule
    split: SplitName
    ood: str | None
    adjusted: bool
    outcome: _Ranked


@dataclass(frozen=True)
class _Ranked:
    """The outcome of a rule on a split, ranked by each evaluation score.

    Attributes:
        on_id: the outcome on ID data.
        on_ood: the outcome on an OOD set; None for ID data alone.
        rankings: the outcomes ranked by each evaluation score; empty if no score applies.
        ood_share: the share of OOD data in the stream; it has no meaning for ID data alone.
    """

    on_id: Outcome
    on_ood: Outcome | None
    rankings: Mapping[str, RankedOutcome]
    ood_share: float = OOD_SHARE

    def beside(self, ood: Outcome, share: float) -> _Ranked:
        """Return the same ID outcome together with the outcome on an OOD set, in a stream with a share of OOD data."""
        rankings = {score: ranking.with_ood(ood, share) for score, ranking in self.rankings.items()}
        return _Ranked(self.on_id, ood, rankings, share)

    @property
    def price(self) -> float:
        """The average cost of a sample of the stream."""
        on_id = self.on_id.mean_cost
        if self.on_ood is None:
            return on_id
        return (1 - self.ood_share) * on_id + self.ood_share * self.on_ood.mean_cost


@dataclass(frozen=True)
class _Cascade:
    """One setting of one lineup.

    Attributes:
        pool, lineup, setting, plan: the pool, the lineup, the setting and the plan.
        stages: the stages of the lineup on each split.
        groups: the group of each sample on each split.
    """

    pool: Pool
    lineup: Lineup
    setting: Setting
    stages: Mapping[SplitName, Stages]
    groups: Mapping[SplitName, Ints]
    plan: Plan

    def runs(self) -> Iterator[_Run]:
        """Yield the runs of the setting: on every labelled split, and on every stream of the test set and an OOD set."""
        rule = self.setting.policy.fit(self.stages[VAL])
        outcomes = {VAL: self._apply(rule, VAL)}
        outcomes |= {split: self._apply(rule, split, outcomes[VAL]) for split in (TEST, *self.plan.shifted)}
        for split, outcome in outcomes.items():
            yield _Run(rule, split, None, False, outcome)
        for ood in self._oods:
            ood_outcome = self._on_ood(rule, ood)
            for share in self.plan.ood_share:
                yield _Run(rule, TEST, ood, False, outcomes[TEST].beside(ood_outcome, share))
                if self.setting.policy.adjustable:
                    streams = self.stages[TEST], self.stages[SplitName.ood(ood)]
                    adjusted = self.setting.policy.adjust(rule, *streams, share)
                    # An adjusted window keeps the acceptance thresholds of the unadjusted one.
                    outcome = self._apply(adjusted, TEST, outcomes[VAL])
                    yield _Run(adjusted, TEST, ood, True, outcome.beside(self._on_ood(adjusted, ood), share))

    def saved(self, run: _Run, temperatures: Sequence[float] | None) -> SavedRule:
        """Return the rule of a run, with everything that is needed to run it later.

        Args:
            run: the run on the validation set; for a certified system, the run on the test set, which has its thresholds.
            temperatures: the temperature of each network of the pool; None if temperatures are not fitted.
        """
        lineup = []
        for place in self.lineup.places:
            candidate = self.pool.networks[place]
            temperature = None if temperatures is None else temperatures[place]
            lineup.append(
                LineupMember(candidate.family, candidate.scale, candidate.member, candidate.exit, temperature)
            )
        acceptance = [
            Acceptance(str(task), score, threshold)
            for score, ranking in run.outcome.rankings.items()
            for task, threshold in ranking.thresholds.items()
            if self.setting.task in (None, task)
        ]
        # The outputs of an ensemble are averaged, whatever cascades do.
        together = self.lineup.role is Role.TOGETHER
        combine = "average" if together else "replace" if self.pool.multi_exit else self.plan.ensemble.combine
        setting = name_columns(self.pool, self.lineup, self.setting).written()
        return SavedRule(setting, lineup, self.lineup.role, combine, run.rule, acceptance)

    def measure(self, run: _Run) -> Result:
        """Return the rows of a run."""
        splits = [run.split] if run.ood is None else [run.split, SplitName.ood(run.ood)]
        on_ood = run.outcome.on_ood
        about: dict[str, Any] = {
            **vars(name_columns(self.pool, self.lineup, self.setting)),
            **_place(run.rule, self.setting),
            "ood": run.ood,
            "ood_share": None if on_ood is None else run.outcome.ood_share,
            "adjusted": run.adjusted,
            "split": run.split,
            "samples": sum(len(self.groups[split]) for split in splits),
            "groups": sum(int(self.groups[split].max()) + 1 for split in splits),
            "cost": self.pool.cost,
            "price": run.outcome.price,
            "price_id": run.outcome.on_id.mean_cost,
            "price_ood": None if on_ood is None else on_ood.mean_cost,
        }
        resampling = self.plan.bootstrap
        groups = [self.groups[split] for split in splits] if run.split != VAL and resampling.resamples else []
        baselines = self._thresholds(run, groups) if groups else {}
        rows, draws, thresholds = [], [], []
        for number in measure(run.outcome, self._metrics, groups, resampling):
            low, high = (None, None) if number.draws is None else interval(number.draws, resampling.level)
            task, acceptance = number.metric.operated_for, None
            if task is not None and number.score is not None:
                acceptance = run.outcome.rankings[number.score].thresholds[task]
            rows.append(
                Row(
                    **about,
                    metric=number.metric,
                    eval_score=number.score,
                    acceptance=acceptance,
                    value=number.value,
                    lower=low,
                    upper=high,
                )
            )
            draws.append(number.draws)
            thresholds.append(baselines.get((number.metric.name, number.score)))
        return Result(cells_of(rows), draws, thresholds)

    def refitted(self, certifier: Certifier, parted: Parted) -> _Certified:
        """Return the same setting, to be fitted on the tuning part of the validation set and certified.

        Args:
            certifier: how it is certified.
            parted: the stages of the lineup, with the validation set in its parts.
        """
        groups = {**self.groups, VAL: certifier.groups}
        about = (self.pool, self.lineup, self.setting, parted.stages, groups, self.plan)
        return _Certified(*about, certifier, parted.certifying)

    @property
    def _metrics(self) -> list[Metric]:
        """The metrics that are measured. A window has deployed metrics only for the task that it is set for."""
        return self.plan.measured(self.setting.task)

    @property
    def _oods(self) -> Sequence[str]:
        """The names of the OOD sets that the setting is run on."""
        return self.plan.ood

    def _set(self, ranking: RankedOutcome) -> Mapping[Task, float]:
        """Return the acceptance thresholds that the validation set is measured at, given its ranking."""
        return {task: task.acceptance_threshold(ranking.ranked) for task in self.plan.tasks}

    def _fixed(self, rule: Rule, validation: _Ranked, score: str) -> Mapping[Task, float]:
        """Return the acceptance thresholds that all other splits are measured at.

        Args:
            rule: the rule that gave the outcome on the validation set, or one that was adjusted to a stream.
            validation: the outcome on the validation set.
            score: the evaluation score.
        """
        return validation.rankings[score].thresholds

    def _apply(self, rule: Rule, split: SplitName, validation: _Ranked | None = None) -> _Ranked:
        """Return the outcome of a rule on a split, with acceptance thresholds that are set on the validation set.

        Args:
            rule: the rule.
            split: a labelled split.
            validation: the outcome on the validation set; None if the split is the validation set itself.
        """
        outcome = self.stages[split].at(rule(self.stages[split]))
        rankings = {}
        for score in self.plan.score.evaluations(self.setting.score, ensemble=self.lineup.role is Role.TOGETHER):
            ranking = RankedOutcome(outcome, score, convention=self.plan.convention)
            ranking.thresholds = self._set(ranking) if validation is None else self._fixed(rule, validation, score)
            rankings[score] = ranking
        return _Ranked(outcome, None, rankings)

    def _on_ood(self, rule: Rule, ood: str) -> Outcome:
        """Return the outcome of a rule on an OOD set."""
        stages = self.stages[SplitName.ood(ood)]
        return stages.at(rule(stages))

    def _thresholds(self, run: _Run, groups: Sequence[Ints]) -> dict[tuple[str, str | None], Baseline]:
        """Return the single threshold that a window is compared with, by metric and evaluation score."""
        rule = self.setting.policy.counterpart(run.rule, self.stages[VAL])
        if rule is None:
            return {}
        is_window = isinstance(run.rule, IntervalRule) and is_threshold(run.rule, self.stages[VAL])
        outcome = self._apply(rule, run.split, self._apply(rule, VAL))
        if run.ood is not None:
            outcome = outcome.beside(self._on_ood(rule, run.ood), run.outcome.ood_share)
        return {
            (number.metric.name, number.score): Baseline(outcome.price, number.value, number.draws, is_window)
            for number in measure(outcome, self._metrics, groups, self.plan.bootstrap)
            if number.draws is not None
        }


@dataclass(frozen=True)
class _Certified(_Cascade):
    """One setting of one lineup, fitted on the tuning part of the validation set, with certified acceptance thresholds.

    Its stages and groups of the validation set are those of the tuning part. It is not run on OOD sets.

    Attributes:
        certifier: how it is certified.
        certifying: the stages of the lineup on the certification samples.
    """

    certifier: Certifier
    certifying: Stages

    @property
    def _metrics(self) -> list[Metric]:
        return self.plan.measured(self.setting.task, certified=True)

    @property
    def _oods(self) -> Sequence[str]:
        return ()

    def _tested(self, outcome: Outcome, score: str) -> TunedSystem:
        return TunedSystem(outcome, score, self.plan.certified_for(self.setting.task))

    def _set(self, ranking: RankedOutcome) -> Mapping[Task, float]:
        return self.certifier.tuned(self._tested(ranking.outcome, ranking.score))

    def _fixed(self, rule: Rule, validation: _Ranked, score: str) -> Mapping[Task, float]:
        def certified() -> Mapping[Task, float]:
            certifying = self.certifying.at(rule(self.certifying))
            return self.certifier.certified(self._tested(validation.on_id, score), certifying)

        return validation.on_id.once(("fixed", score), certified)


@dataclass(frozen=True)
class Number:
    """One measured value.

    Attributes:
        metric: the metric.
        score: the evaluation score that it ranks by; None for metrics of the predictions alone.
        value: the value.
        draws: the resampled values [resamples]; None without intervals.
    """

    metric: Metric
    score: str | None
    value: float
    draws: Floats | None


def measure(
    outcome: _Ranked, metrics: Sequence[Metric], groups: Sequence[Ints], resampling: BootstrapConfig
) -> Iterator[Number]:
    """Measure the metrics of an outcome: those of the predictions alone, then those that rank, by each score.

    Args:
        outcome: the outcome of a rule.
        metrics: the metrics; those that do not apply to the data are skipped.
        groups: the groups of the ID samples and, if there are any, of the OOD samples, by which samples are resampled; empty
            for no intervals.
        resampling: the number of resamples, and their seed.
    """
    applicable = [metric for metric in metrics if (metric.on_id if outcome.on_ood is None else metric.on_ood)]
    unranked = RankedOutcome(outcome.on_id, next(iter(outcome.on_id.scores)))
    jobs: list[tuple[str | None, RankedOutcome, list[Metric]]] = [
        (None, unranked, [m for m in applicable if not m.ranks])
    ]
    jobs += [(score, ranking, [m for m in applicable if m.ranks]) for score, ranking in outcome.rankings.items()]
    for score, ranking, job_metrics in jobs:
        if not job_metrics:
            continue
        values = [m.of_ranking(ranking) if m.ranks else m.of_outcome(outcome.on_id) for m in job_metrics]
        draws: Sequence[Floats | None] = [None] * len(job_metrics)
        if groups:
            ood_groups = groups[1] if score is not None and groups[1:] else None
            draws = list(resample(ranking, job_metrics, groups[0], ood_groups, resampling.resamples, resampling.seed))
        for metric, value, resampled in zip(job_metrics, values, draws, strict=True):
            yield Number(metric, score, value, resampled)


def _sets(lineup: Lineup, replaces: bool) -> list[tuple[int, ...]]:
    """Return the networks whose outputs are combined at each stage at which samples can exit."""
    places = lineup.places
    if lineup.fixed:
        return [places[-1:] if lineup.role is Role.LAST else places]
    return [(places[k],) if replaces else tuple(sorted(places[: k + 1])) for k in range(len(places))]


def _stages(
    pool: Pool,
    split: SplitName,
    lineup: Lineup,
    replaces: bool,
    summaries: Mapping[tuple[int, ...], Summary],
) -> Stages:
    costs = [pool.networks[place].cost for place in lineup.places]
    cost = costs if pool.multi_exit else np.cumsum(costs).tolist()
    chosen = [summaries[members] for members in _sets(lineup, replaces)]
    samples = pool.samples[split]
    return Stages(chosen, cost[-1:] if lineup.fixed else cost, samples.ids, samples.labels)


def name_columns(pool: Pool, lineup: Lineup, setting: Setting) -> SettingColumns:
    """Return the columns that name a setting of a lineup."""
    networks = [pool.networks[place] for place in lineup.places]
    return SettingColumns(
        dataset=pool.dataset,
        family=pool.families,
        scale=pool.scales,
        members=members_of(networks),
        exits=exits_of(networks),
        size=len(lineup.places),
        cascades=lineup.cascades,
        **setting.columns,
    )


def _place(rule: Rule, setting: Setting) -> dict[str, Any]:
    """Return the window of the first stage, and whether it was clamped at the lowest or the highest score, as columns."""
    if not isinstance(rule, IntervalRule):
        return dict.fromkeys(("tau", "low", "high", "clamped"))
    first, clamped = rule.intervals[0], None
    if isinstance(setting.policy, Window) and first.rank is not None:
        width = setting.policy.widths(len(rule.intervals))[0]
        clamped = width != "all" and not width / 2 <= first.rank <= 1 - width / 2
    return {"tau": first.tau, "low": first.low, "high": first.high, "clamped": clamped}
