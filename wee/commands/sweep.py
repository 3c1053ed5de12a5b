"""`wee sweep`: evaluate cascades on stored logits. Reads only the store."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.command import FOLDERS, Command, command, overrides
from wee.app.console import line_width, progress, show
from wee.app.experiments import own_experiments, settings_of_experiments
from wee.app.failures import report
from wee.app.fields import Checked, as_list, check_name, choice, choose, short, written
from wee.app.groups import Group
from wee.app.paths import Common
from wee.catalogue import Catalogue
from wee.commands import find_command, modules
from wee.costs import COSTS, source_conditions
from wee.costs.config import CostConfig
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.from_store import StoredConfig, chosen_sets
from wee.data.kinds import config_of, sample_identity
from wee.data.roles import labelled, ood_sets, shifted_sets
from wee.data.splits import TEST
from wee.errors import WeeError, unknown
from wee.members.config import EnsembleConfig
from wee.method.curves import OOD_SHARE
from wee.method.metrics import TASKS, metric_help, task_help
from wee.method.policies import POLICIES, Role
from wee.method.scores import SCORES
from wee.models.config import FamilyConfig, ScaleConfig
from wee.sweep.config import (
    BootstrapConfig,
    CertifiedConfig,
    FrontsConfig,
    PolicyConfig,
    ScoreConfig,
    SweepRuntimeConfig,
    TaskConfig,
    ValidationStudyConfig,
    WindowConfig,
    check_shares,
)
from wee.units import counted

if TYPE_CHECKING:
    import pandas as pd

    from wee.store import Address, Entry, LogitStore
    from wee.sweep.plan import Plan
    from wee.sweep.pool import Pool
    from wee.sweep.run import Result

log = logging.getLogger("wee")

ROUNDINGS = ("float16", "bfloat16")


@dataclass
class SweepConfig(Common):
    """The config of `wee sweep`.

    Attributes:
        name: the name of the sweep, by which `wee figure` finds it.
        dataset: the ID data, on whose validation and test set the members have been evaluated.
        ood: the OOD sets on which they have been evaluated.
        ood_share: the share of OOD data in the stream of ID and OOD samples, in (0, 1), or a list of shares: it weighs the two
            sets in the risk, in average costs, and in windows that are adjusted to the stream.
        shift: the labelled shifted test sets on which they have been evaluated.
        family: the architectures.
        scale: the scales of the family: one, a list, or "all".
        ensemble: the members, the sizes and orders of cascades, mixes of scales, and exits.
        policy: the policies, and the parameters of those that have some.
        window: the widths of windows.
        score: the confidences that decide exits, and those that results are ranked by.
        task: the tasks that windows are set for, and further metrics.
        cost: the cost by which cascades are priced.
        bootstrap: intervals around every number.
        fronts: the reference point of hypervolumes.
        guarantee: the certified metrics, such as certified@5: the probability of error, and the split of the validation set.
        validation: a study of the size of the validation set, in validation.csv.
        runtime: the threads and device that score logits, if no earlier sweep has scored them, and the number of processes.
        rounding: also score the logits as if they had been stored as "float16" or "bfloat16", and write the effect on every
            number to storage.csv; null for not.
        pick: which entries to use if several have the same name: beginnings of entry keys, weights' fingerprints or training
            recipes, or "newest".
    """

    dataset: Checked[LabelledConfig] = written(None)
    ood: Checked[dict[str, DatasetConfig]] = written({})
    shift: Checked[dict[str, DatasetConfig]] = written({})
    ood_share: Checked[list[float]] = written(OOD_SHARE)
    family: FamilyConfig = MISSING
    ensemble: EnsembleConfig = MISSING
    policy: PolicyConfig = MISSING
    window: WindowConfig = MISSING
    score: ScoreConfig = MISSING
    task: TaskConfig = MISSING
    cost: CostConfig = MISSING
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    fronts: FrontsConfig = field(default_factory=FrontsConfig)
    guarantee: CertifiedConfig = field(default_factory=CertifiedConfig)
    validation: ValidationStudyConfig = field(default_factory=ValidationStudyConfig)
    runtime: SweepRuntimeConfig = field(default_factory=SweepRuntimeConfig)
    name: str = MISSING
    scale: Checked[str | list[str]] = written("all")
    rounding: str | None = None
    pick: Checked[list[str]] = written(None)

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        self.ood = ood_sets(self.ood, self.dataset)
        self.shift = shifted_sets(self.shift, self.dataset)
        self.ood_share = check_shares(self.ood_share)
        if not self.family.stored:
            _choose_scales(self, self.family)
        self.pick = [] if self.pick is None else [str(beginning) for beginning in as_list(self.pick)]
        if self.rounding is not None and self.rounding not in ROUNDINGS:
            raise unknown("rounding", self.rounding, ROUNDINGS)
        check_name("name", self.name)


@dataclass(frozen=True)
class SweepJob:
    """The resolved inputs of `wee sweep`: its config, with scales and sets from the store if the config leaves them open.

    Attributes:
        cfg: The config.
        family: The family, with its scales.
        scales: The names of the scales to sweep.
        ood, shift: OOD sets and shifted test sets, by name.
    """

    cfg: SweepConfig
    family: FamilyConfig
    scales: list[str]
    ood: dict[str, DatasetConfig]
    shift: dict[str, DatasetConfig]

    def expected(self, address: Address) -> dict[str, Any]:
        """Return the part of an entry's identity that the config determines: the samples and the architecture."""
        split = address.split
        others = {"ood": self.ood, "shift": self.shift}
        dataset = others[split.kind][split.name] if split.kind in others else self.cfg.dataset
        samples = sample_identity(dataset, split.part)
        identity = {} if samples is None else {"samples": samples}
        if address.family == self.family.name and not self.family.stored:
            identity["architecture"] = self.family.scales[address.scale].identity()
        return identity


def resolve(cfg: SweepConfig) -> SweepJob:
    """Resolve the config with the store: take its scales, OOD sets and shifted test sets if the config leaves them open.

    Raises:
        WeeError: the store has no logits of that name, or not the selected ones.
    """
    if not cfg.family.stored:
        return SweepJob(cfg, cfg.family, _choose_scales(cfg, cfg.family), cfg.ood, cfg.shift)
    from wee.sweep.pool import stored_names

    scales, splits = stored_names(Path(cfg.paths.store), cfg.dataset.name, cfg.family.name, cfg.cost.measure)
    family = replace(cfg.family, scales={scale: ScaleConfig("", 1) for scale in scales})
    others: dict[str, dict[str, DatasetConfig]] = {"ood": cfg.ood, "shift": cfg.shift}
    if isinstance(cfg.dataset, StoredConfig):
        for kind, what in (("ood", "OOD set"), ("shift", "shifted test set")):
            wanted, existing = chosen_sets(cfg.dataset, kind), [split.name for split in splits if split.kind == kind]
            if existing or wanted != "all":
                chosen = choose(what, wanted, existing, of=f"data set {cfg.dataset.name}") if wanted else []
                others[kind] = {name: StoredConfig(name=name) for name in chosen}
    return SweepJob(cfg, family, _choose_scales(cfg, family), **others)


def _choose_scales(cfg: SweepConfig, family: FamilyConfig) -> list[str]:
    """Return the names of the scales to sweep.

    Raises:
        WeeError: a scale, or a scale of a mix, does not exist.
    """
    for mix in cfg.ensemble.scales:
        family.choose([scale for scale in mix if "/" not in str(scale)] or "all")
    return family.choose(cfg.scale)


def sweep(cfg: SweepConfig) -> None:
    """Compute the table, the fronts and the differences, unless the same sweep of the same entries exists already."""
    from wee.sweep import certification
    from wee.sweep.floor import floor_warning
    from wee.sweep.fronts import check_reference, read_reference
    from wee.sweep.plan import Plan
    from wee.sweep.resampled import constant_warning
    from wee.sweep.results import TABLE, is_whole, read_differences, read_effects, read_table, save, touch
    from wee.sweep.settings import left_out
    from wee.sweep.validation import check

    job = resolve(cfg)
    parts = (cfg.ensemble, cfg.policy, cfg.window, cfg.score, cfg.task, cfg.bootstrap)
    oods, shifts = list(job.ood), list(job.shift)
    plan = Plan(
        *parts, ood=oods, shift=shifts, guarantee=cfg.guarantee, ood_share=cfg.ood_share
    )  # fails before reading
    reference = None
    if cfg.fronts.reference is not None:
        reference = read_reference(cfg.fronts.reference, Path(cfg.paths.sweeps), cfg.cost.measure)
        check_reference(reference, plan.metrics, cfg.score.evaluations(None))
    pools = _read(job, plan)
    _check_points(pools, plan)
    check(pools, plan.tasks, cfg.validation)
    certification.check(pools, plan)
    cascades = any(POLICIES.find(name).role is not Role.ALONE for name in cfg.policy.names)
    for note in (left_out(pool, cfg.ensemble) for pool in pools if cascades):
        if note is not None:
            log.info(note)
    about = {**_identity(job, plan, pools, reference), "name": cfg.name}
    folder = _folder(cfg, about)
    if is_whole(folder):
        table = read_table(folder)
        touch(folder, _labels(job), _made())
        log.info("this sweep over these logits is there already")
    else:
        tables, result = _compute(cfg, pools, plan, reference)
        table = tables[TABLE]
        about |= {"labels": _labels(job), **_made()}
        save(folder, tables, about, result.rules, {TABLE: result.lines})
    from wee.sweep.summary import certified_summary, deployed_summary, differences_summary, summary  # imports pandas

    tasks = [metric for metric in plan.metrics if metric.task is not None]
    others = [metric for metric in plan.metrics if metric.task is None and metric.deployed is None]
    show(summary(table, tasks, metrics=others, convention=plan.convention))
    _warn(floor_warning(table, plan.convention, [TEST]))
    _warn(constant_warning(table))
    show(deployed_summary(table, plan.tasks))
    compared = read_differences(folder)
    differences = None if compared is None else differences_summary(compared, tasks, cfg.bootstrap.level, line_width())
    if differences is not None:
        show(differences)
    if job.shift and any(task.on_id for task in tasks):
        show(summary(table, tasks, plan.shifted, others, plan.convention))
        _warn(floor_warning(table, plan.convention, plan.shifted))
        show(deployed_summary(table, plan.tasks, plan.shifted))
    for splits in ((TEST,), plan.shifted):
        if plan.certifies and splits:
            show(certified_summary(table, plan.certified, plan.guarantee.delta, splits))
    if cfg.rounding is not None:
        from wee.sweep.rounding import effect_summary

        show(effect_summary(read_effects(folder), cfg.rounding))
    files = [
        f"table.csv ({counted(len(table), 'row')})",
        *(f.name for f in sorted(folder.iterdir()) if f.name not in ("table.csv", "sweep.json")),
    ]
    log.info(f"{folder}: {', '.join(files)}")
    report(folder=str(folder), rows=len(table))


def _warn(warning: str | None) -> None:
    if warning is not None:
        log.warning(warning)


def _read(job: SweepJob, plan: Plan) -> list[Pool]:
    """Read the networks of every scale, or of every mix of scales.

    Raises:
        WeeError: entries or their costs are missing (the message has the command that creates them), or scales were
            evaluated on different samples.
    """
    from wee.store import LogitStore
    from wee.store.entry import Damaged
    from wee.sweep.pool import Unpriced, check_pick, check_recipes, check_same_samples, read_pool

    cfg, pools = job.cfg, []
    store = LogitStore(cfg.paths.store)
    missing: dict[Address, None] = {}
    unpriced: dict[Address, Entry] = {}
    # Numbers of another version of a plug-in are used only if the config selects them.
    conditions = {**source_conditions(cfg.cost.measure), **cfg.cost.conditions}
    for scales in cfg.ensemble.scales or [[scale] for scale in job.scales]:
        names = (cfg.dataset.name, cfg.family.name, [str(scale) for scale in scales])
        try:
            pool, lacking = read_pool(
                store, *names, cfg.ensemble.members, plan.splits, cfg.pick, job.expected, cfg.cost.measure, conditions
            )
        except Unpriced as error:
            unpriced |= {entry.address: entry for entry in error.entries}
            continue
        except Damaged as error:
            if error.address is None:
                other_paths = [text for text in overrides() if text.startswith("paths.") and text not in str(error)]
                raise WeeError(" ".join([str(error), *other_paths])) from None
            raise WeeError(f"{error}. {_make(job, store, [error.address])}") from None
        missing |= dict.fromkeys(lacking)
        pools += [pool] if pool is not None else []
    if missing:
        listed = ", ".join(str(address) for address in list(missing)[:4]) + (", .." if len(missing) > 4 else "")
        others = len(store.find(next(iter(missing))))
        note = f" ({others} of that name are there, but of other samples or another architecture)" if others else ""
        raise WeeError(
            f"{counted(len(missing), 'entry is', 'entries are')} not in {cfg.paths.store}: {listed}{note}. "
            f"{_make(job, store, list(missing))}"
        )
    if unpriced:
        without = list(unpriced.values())
        raise WeeError(f"{Unpriced(cfg.cost.measure, conditions, without)}. {_measure(job, without)}")
    entries = [entry for pool in pools for entry in pool.entries]
    check_pick(entries, cfg.pick)
    check_recipes(entries, cfg.pick)
    check_same_samples(pools)
    return pools


def _check_points(pools: list[Pool], plan: Plan) -> None:
    """Check that at least one policy applies to the networks.

    Raises:
        WeeError: no policy applies.
    """
    needs = [f"{policy.name} needs {policy.role.needs}" for policy in map(POLICIES.find, plan.policy.names)]
    if not any(plan.points(pool) for pool in pools):
        raise WeeError(
            f"policy.names is {plan.policy.names}, but no such policy applies to these networks: {'; '.join(needs)}"
        )


def _make(job: SweepJob, store: LogitStore, missing: list[Address]) -> str:
    """Return the advice for missing entries: the command that creates them, or how to use those that are there."""
    from wee.sweep import remedies

    without_networks = job.family.stored or isinstance(job.cfg.dataset, StoredConfig)
    about_imported = remedies.advice(store, missing, without_networks)
    if about_imported is not None:
        return about_imported
    advice = _evaluate(job, missing)
    same_family = any(address.family == job.family.name for address in missing)
    return f"Make them: {advice}" if same_family else f"Make them with {advice}."


def _measure(job: SweepJob, unpriced: list[Entry]) -> str:
    """Return the advice for members without the cost of the sweep: the command that adds it."""
    from wee.sweep import remedies

    cost = job.cfg.cost.measure
    advice = remedies.pricing(unpriced, cost)
    return advice or f"Measure it: {_evaluate(job, [entry.address for entry in unpriced], cost)}"


def _evaluate(job: SweepJob, addresses: list[Address], cost: str | None = None) -> str:
    """Return the command that evaluates members, and measures a cost if one is given."""
    of_family = [address for address in addresses if address.family == job.family.name]
    if not of_family:
        return f"wee evaluate family={addresses[0].family}" + (f" cost={cost}" if cost else "")
    scales = short(list(dict.fromkeys(address.scale for address in of_family)), list(job.family.scales))
    members = short(sorted({address.member for address in of_family}), job.cfg.ensemble.members)
    return command("evaluate", scale=scales, member=members, cost=cost)


def _import_reports() -> None:
    """Import what the first process needs once all numbers are there."""
    import moocore  # noqa: F401
    import rich.table  # noqa: F401

    from wee.sweep import differences, fronts, summary  # noqa: F401


def _compute(
    cfg: SweepConfig, pools: list[Pool], plan: Plan, reference: pd.DataFrame | None
) -> tuple[dict[str, pd.DataFrame], Result]:
    """Compute the tables of a sweep, by file name, and its result."""
    from wee.method import kernels
    from wee.store.derived import Derived
    from wee.sweep.cache import SummaryCache
    from wee.sweep.estimates import study_seconds, sweep_seconds
    from wee.sweep.results import TABLE
    from wee.sweep.run import Result, compute
    from wee.sweep.validation import study

    if plan.bootstrap.resamples and not kernels.load():
        log.info("numba is not installed, so intervals take about 20 times as long; install it: pip install numba")

    def compute_pools(rounding: str | None, plan: Plan) -> Result:
        scorer = SummaryCache(cfg.runtime, Derived(cfg.paths.store), rounding, lambda n: bar.advance(scoring, n))
        result = Result()
        for pool in pools:
            for bar_task, word in ((scoring, "scoring"), (task, "sweeping")):
                bar.update(bar_task, description=f"{word} {pool.family}/{pool.scale}")
            result.extend(compute(pool, plan, scorer, lambda n: bar.advance(task, n), processes, _import_reports))
        return result

    def study_validation() -> pd.DataFrame:
        """Study the size of the validation set. The summaries of all networks are in the cache."""
        scorer = SummaryCache(cfg.runtime, Derived(cfg.paths.store))
        import pandas as pd

        points = sum(plan.points(pool) for pool in pools)
        processes = cfg.runtime.processes_for(sum(study_seconds(pool, plan, cfg.validation) for pool in pools))
        resampling = bar.add_task("drawing validation sets", total=points * cfg.validation.sets, unit="fits")
        done = lambda points: bar.advance(resampling, points)  # noqa: E731
        parts = [study(pool, plan, cfg.validation, scorer, done, processes) for pool in pools]
        return pd.concat(parts, ignore_index=True)

    processes = cfg.runtime.processes_for(sum(sweep_seconds(pool, plan) for pool in pools))
    times = 1 if cfg.rounding is None else 2
    with progress("points") as bar:
        samples = sum(len(split.labels) for pool in pools for split in pool.samples.values())
        if plan.certifies and plan.ensemble.temperature:  # scored again, with temperatures of the tuning part
            samples += sum(len(pool.samples[split].labels) for pool in pools for split in plan.labelled)
        scoring = bar.add_task("scoring", total=times * samples, unit="samples")
        task = bar.add_task("sweeping", total=times * sum(plan.points(pool) for pool in pools))
        # Start with the computation that may fail.
        rounded = (
            None if cfg.rounding is None else compute_pools(cfg.rounding, replace(plan, bootstrap=BootstrapConfig()))
        )
        result = compute_pools(None, plan)
        validation = study_validation() if cfg.validation.sizes else None
    from wee.sweep.differences import adjustments, averages, differences, equal_quality
    from wee.sweep.fronts import fronts
    from wee.sweep.rounding import effect

    table = result.table()
    tables = {TABLE: table, "fronts.csv": fronts(table, reference)}
    if plan.bootstrap.resamples:
        comparisons = {"averages": averages, "differences": differences, "equal_quality": equal_quality}
        for name, compare in comparisons.items():
            tables[f"{name}.csv"] = compare(table, result, plan.bootstrap.level)
        if table.adjusted.any():
            tables["adjustments.csv"] = adjustments(table, result, plan.bootstrap.level)
    if rounded is not None:
        tables["storage.csv"] = effect(table, rounded.table())
    if validation is not None:
        tables["validation.csv"] = validation
    return tables, result


def _identity(job: SweepJob, plan: Plan, pools: list[Pool], reference: pd.DataFrame | None) -> dict[str, Any]:
    """Return the identity of a sweep, which determines all its numbers: its settings and the entries that it reads."""
    from importlib.metadata import version

    from wee.method.metrics import METRICS
    from wee.method.scores import SCORES
    from wee.method.summaries import SCORING
    from wee.sweep.plan import Plan

    cfg = job.cfg
    parts = {entry.name: getattr(cfg, entry.name) for entry in fields(Plan)}
    if not plan.certifies:  # no number depends on it
        del parts["guarantee"]
    settings = {name: asdict(part) for name, part in parts.items() if is_dataclass(part) and not isinstance(part, type)}
    entries = [[str(entry.address), entry.key, entry.checksum] for pool in pools for entry in pool.entries]
    sources = {name: SCORES.source(name) for name in cfg.score.needed() if name not in SCORES}
    kinds = dict.fromkeys(metric.kind.name for metric in plan.metrics)
    sources |= {name: METRICS.source(name) for name in kinds if name not in METRICS}
    sources |= {name: POLICIES.source(name) for name in cfg.policy.names if name not in POLICIES}
    plugins = {"plugins": sources} if sources else {}
    networks = (network for pool in pools for network in pool.networks)
    values = [[network.family, network.scale, network.member, network.exit, network.cost] for network in networks]
    cost = {**asdict(cfg.cost), **source_conditions(cfg.cost.measure), "values": values}
    rounding = {} if cfg.rounding is None else {"rounding": cfg.rounding}
    limits = {} if reference is None else {"reference": reference.to_csv(index=False)}
    shares = {} if cfg.ood_share == [OOD_SHARE] else {"ood_share": cfg.ood_share}
    validation = {"validation_study": asdict(cfg.validation)} if cfg.validation.sizes else {}
    return {
        **settings,
        **rounding,
        **limits,
        **shares,
        **validation,
        **plugins,
        "scoring": SCORING,
        "scale": job.scales,
        "entries": entries,
        "cost": cost,
        "wee": version("wee"),
        "layout": 7,
    }


def _labels(job: SweepJob) -> dict[str, dict[str, str]]:
    """Return the labels for figures of families, scales, OOD and shifted sets, and costs, if their configs have labels."""
    family = job.family
    scales = {f"{family.name}/{name}": scale.label for name, scale in family.scales.items()}
    oods = {name: ood.label for name, ood in job.ood.items()}
    shifts = {name: _with_variant(shift, name) for name, shift in job.shift.items()}
    cost = COSTS.find(job.cfg.cost.measure)
    kinds = {"families": {family.name: family.label}, "scales": scales, "oods": oods, "shifts": shifts}
    kinds |= {"costs": {cost.name: cost.label}, "units": {cost.name: cost.unit}}
    return {kind: {name: label for name, label in labels.items() if label} for kind, labels in kinds.items()}


def _with_variant(shift: DatasetConfig, name: str) -> str:
    """Return the label of a shifted test set with what its name adds to that of its config: "ImageNet-C, fog-3"."""
    variant = name.removeprefix(shift.name).removeprefix("-").replace("_", " ")
    return ", ".join(filter(None, (shift.label, variant))) if shift.label else ""


def _made() -> dict[str, Any]:
    """Return how this sweep is made: its command line without what no number depends on, and the settings of experiments."""
    from wee.explore.reproduction import NETWORKS, network_words
    from wee.sweep.results import FROM_EXPERIMENTS, MADE_BY

    made = shlex.join(word for word in shlex.split(command("sweep")) if not word.startswith("runtime."))
    if not own_experiments(overrides()):
        return {MADE_BY: made}
    find_command("calibrate").register()
    given = [word for word in network_words(made) if not word.startswith("--")]
    settings = settings_of_experiments("sweep", overrides(), "calibrate", given, NETWORKS, FOLDERS[1:])
    return {MADE_BY: made, FROM_EXPERIMENTS: settings}


def _folder(cfg: SweepConfig, identity: dict[str, Any]) -> Path:
    from wee.identity import key_of

    return Path(cfg.paths.sweeps, cfg.name, key_of(identity))


GROUPS: Mapping[str, Catalogue[Any]] = {"task": TASKS, "policy": POLICIES, "score": SCORES, "cost": COSTS}
"""The config groups whose choices come from catalogues."""

COMMAND = Command(
    "sweep",
    SweepConfig,
    sweep,
    modules(),
    {name: Group(catalogue, choice) for name, catalogue in GROUPS.items()},
    {"task.names": task_help(), "task.metrics": metric_help()},
    kinds=config_of,
)


if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("sweep").main()
