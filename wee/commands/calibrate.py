"""`wee calibrate`: from the logits in the store to a cascade that runs, in a folder of its own."""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.command import Command, command
from wee.app.console import progress, show
from wee.app.failures import report
from wee.app.fields import Checked, as_list, check_name, choice, choose, written
from wee.app.groups import Group
from wee.cascade.config import CascadePlan, GuaranteeConfig, SettingConfig, check_choice
from wee.catalogue import Catalogue
from wee.commands import find_command, modules
from wee.commands.members import MembersConfig, recipes, resolve_dataset
from wee.costs import COSTS, MACS, source_conditions
from wee.costs.config import CostConfig, budgets
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.from_store import StoredConfig, chosen_sets
from wee.data.kinds import config_of, sample_identity
from wee.data.roles import shifted_sets
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.identity import key_of
from wee.members.config import EnsembleConfig
from wee.method.metrics import METRICS, TASKS, Task
from wee.method.scores import SCORES
from wee.method.summaries import SCORING
from wee.sweep.config import SAME, BootstrapConfig, ScoreConfig, ScoringConfig, TaskConfig

if TYPE_CHECKING:
    from wee.cascade.named import NamedSetting
    from wee.cascade.search import Choice
    from wee.cascade.workshop import Workshop
    from wee.members.origins import Origin
    from wee.members.recipes import Recipe
    from wee.store import Address
    from wee.sweep.pool import Pool

log = logging.getLogger("wee")


@dataclass
class CalibrateConfig(MembersConfig):
    """The config of `wee calibrate`.

    Attributes:
        name: The name of the cascade, and of its folder; by default made of the data set, the family and the task.
        score: The confidence that decides, and that predictions are accepted by.
        task: What the cascade is for.
        setting: A setting of a sweep to use, named by its columns in the table; without one, a setting is searched for.
        cost: The cost that settings are chosen by.
        budget: The largest average cost on the tuning samples, by the name of the cost: {macs: 1e6}.
        target: The value of the task to reach on the tuning samples, in per cent; the cheapest setting that does is chosen.
        stages: The largest number of stages.
        guarantee: What is guaranteed.
        shift: Shifted test sets on which the card shows what the cascade does, without any guarantee.
        bootstrap: The intervals of the expected numbers.
        scoring: How logits are scored, where no sweep has done it before.
        pick: Where several entries have one name, which to take; see `wee sweep`.
        seed: The seed of the split of the validation set.
        overwrite: Whether to replace a cascade of the same name that was calibrated otherwise.
    """

    name: str = ""
    score: ScoreConfig = MISSING
    task: TaskConfig = MISSING
    cost: CostConfig = MISSING
    budget: Checked[dict[str, float]] = written({})
    target: float | None = None
    setting: SettingConfig = field(default_factory=SettingConfig)
    shift: Checked[dict[str, DatasetConfig]] = written({})
    stages: int = 3
    guarantee: GuaranteeConfig = field(default_factory=GuaranteeConfig)
    bootstrap: BootstrapConfig = field(default_factory=lambda: BootstrapConfig(1000))
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    pick: Checked[list[str]] = written(None)
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        wanted = self.scale
        if self.family.stored:  # its scales are those in the store
            self.scale = "all"  # type: ignore[assignment]  # of none
        super().__post_init__()
        if self.family.stored:
            self.scale = wanted
        self.name = self.name or f"{self.dataset.name}-{self.family.name}-{self.task.names[0].replace('@', '')}"
        check_name("name", self.name)
        self.shift = shifted_sets(self.shift, self.dataset)
        self.pick = [] if self.pick is None else [str(beginning) for beginning in as_list(self.pick)]
        for key, names in (("task", self.task.names), ("score", self.score.exit)):
            if len(names) > 1:
                raise WeeError(
                    f"a cascade is calibrated for one {key}, and {' and '.join(names)} are chosen; choose one"
                )
        if not Task.parse(self.task.names[0]).metric.on_id:
            raise WeeError(
                f"task={self.task.names[0]} is about OOD data, and a setting is chosen on ID data alone: choose cov@.. or "
                "risk@.."
            )
        others = [name for name in self.score.evaluation if name not in (SAME, self.score.exit[0])]
        if others:
            raise WeeError(
                f"a cascade decides and accepts by one score, and {others[0]} cannot decide an exit, or is another one: choose "
                f"one of {', '.join(name for name, score in SCORES.items() if not score.several)}"
            )
        searched = [name for name in ("scales", "exits") if getattr(self.ensemble, name)]
        searched += ["orders"] if self.ensemble.orders != EnsembleConfig.orders else []
        if searched:
            raise WeeError(
                f"calibrate searches {' and '.join(searched)} by itself: leave out ensemble.{' and ensemble.'.join(searched)}"
                ", or name a setting of a sweep"
            )
        if self.seed < 0:
            raise WeeError(f"seed is {self.seed}: it is a whole number that is not negative")
        self.budget = budgets(self.budget)
        check_choice(self.budget, self.target, self.stages, self.cost.measure, self.setting)
        if self.guarantee.macs is not None and self.cost.measure != MACS:
            raise WeeError(f"guarantee.macs is about MACs, and cost={self.cost.measure}: choose cost={MACS}")
        if self.bootstrap.resamples < 1:
            raise WeeError("bootstrap.resamples is 0: the expected numbers of a cascade come with intervals")


def calibrate(cfg: CalibrateConfig) -> None:
    """Choose a setting, fix its thresholds, certify what is asked for, and save the cascade.

    With family=stored, the networks behind the logits are unknown: the folder then has no weights, but all else.

    Raises:
        WeeError: something is missing, or the cascade cannot be certified as it was asked for. In the second case, everything
            is written first.
    """
    from wee.cascade.card import summary
    from wee.cascade.description import CascadeDescription
    from wee.cascade.workshop import Workshop
    from wee.store.derived import Derived
    from wee.sweep.cache import SummaryCache

    dataset = cfg.dataset if _imported(cfg) else resolve_dataset(cfg)
    named = _named(cfg)
    chosen_recipes = [] if cfg.family.stored else _recipes(cfg, dataset, named)
    _check_trained(cfg, chosen_recipes, named)
    origins = _origins(cfg, chosen_recipes) if chosen_recipes else {}
    pool = _read(cfg, dataset, origins, named)
    classes = dataset.class_names() or [str(number) for number in range(pool.networks[0].logits[VAL].shape[-1])]
    folder = Path(cfg.paths.outputs, "cascades", cfg.name)
    plan = _plan(cfg, named)
    identity = _identity(cfg, plan, pool)
    if _is_there(folder, identity, cfg.overwrite):
        log.info(f"this cascade is there already: {folder}")
        description = CascadeDescription.load(folder)
    else:
        with progress("settings") as bar:
            bar_task = bar.add_task("searching", total=None)
            cache = SummaryCache(cfg.scoring, Derived(cfg.paths.store))
            workshop = Workshop(plan, pool, cache, lambda number: bar.advance(bar_task, number), named)
            chosen = _choose(cfg, workshop) if named is None else workshop.named()
        description = workshop.describe(chosen, origins, classes, identity)
        curves = workshop.curves(chosen.lineup, description.rule)
        description = workshop.save(description, origins, folder, cfg.overwrite, curves)
    show(summary(description))
    certified = description.certified
    if certified is not None and certified.note is not None:
        log.warning(certified.note)
    log.info(f"{folder}: {', '.join(path.name for path in sorted(folder.iterdir()))}")
    report(folder=str(folder), certified=None if certified is None else asdict(certified))
    # An error, so that `wee calibrate .. && deploy` does not deploy it.
    if certified is not None and certified.refusal is not None:
        accepts = "without this guarantee" if math.isfinite(description.acceptance) else "but accepts nothing"
        raise WeeError(f"not certified: {certified.refusal}. The cascade in {folder} is complete, {accepts}")


def _choose(cfg: CalibrateConfig, workshop: Workshop) -> Choice:
    """The setting within the budget, or that reaches the target.

    Raises:
        WeeError: there is none; the message names the nearest.
    """
    from wee.cascade.search import reaching, within_budget

    front = workshop.front()
    if cfg.target is not None:
        return reaching(front, workshop.task, cfg.target)
    (budget,), cost = cfg.budget.values(), COSTS.find(cfg.cost.measure)
    return within_budget(front, workshop.task, budget, cost.unit or cost.label)


def _named(cfg: CalibrateConfig) -> NamedSetting | None:
    """The setting of a sweep that the config names; None if it names none.

    Raises:
        WeeError: there is no such setting, or it is of another data set or family than the config.
    """
    from wee.cascade.named import find_setting

    if not cfg.setting.sweep:
        return None
    named = find_setting(Path(cfg.paths.sweeps), cfg.setting, Task.parse(cfg.task.names[0]), cfg.score.exit[0])
    for group, name in (("dataset", cfg.dataset.name), ("family", cfg.family.name)):
        actual = named.saved.setting[group]
        if actual != name:
            raise WeeError(f"this setting is of {group} {actual}, and {group}={name}: choose {group}={actual}")
    return named


def _recipes(cfg: CalibrateConfig, dataset: LabelledConfig, named: NamedSetting | None) -> list[Recipe]:
    """Return the recipe of each member that the search chooses from; of a named setting, those of its lineup."""
    from wee.members.recipes import Recipe

    if named is None:
        return recipes(cfg, dataset)
    lineup = {(stage.scale, stage.member) for stage in named.saved.lineup}
    return [
        Recipe(dataset, cfg.family, cfg.trainer, scale, member)
        for scale in cfg.family.choose(sorted({scale for scale, _ in lineup}))
        for member in sorted({member for _, member in lineup})
    ]


def _check_trained(cfg: CalibrateConfig, chosen: Sequence[Recipe], named: NamedSetting | None) -> None:
    """Check that the members that are trained here have checkpoints, before weights are read or timm is imported.

    Raises:
        WeeError: some have none; the message lists them, and has the commands that make them.
    """
    from wee.members import checkpoints

    untrained = [
        (recipe.scale, recipe.member)
        for recipe in chosen
        if not recipe.architecture.weights and checkpoints.about(recipe.folder(cfg.paths.checkpoints)) is None
    ]
    if not untrained:
        return
    selected = _selected(untrained)
    are = "1 member is" if len(untrained) == 1 else f"{len(untrained)} members are"
    raise WeeError(
        f"{are} not trained with this config: {_listed(cfg, untrained)}. Train and evaluate: {command('train', **selected)} && "
        f"{command('evaluate', **selected)}{_or_complete(cfg, cfg.scale, untrained, named)}"
    )


def _origins(cfg: CalibrateConfig, chosen: Sequence[Recipe]) -> dict[tuple[str, int], Origin]:
    """Return where the weights of each member come from, by scale and number."""
    from wee.members.origins import source

    return {
        (recipe.scale, recipe.member): source(
            recipe.dataset, cfg.family, recipe.scale, recipe.member, recipe, cfg.paths.checkpoints
        )
        for recipe in chosen
    }


def _selected(members: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """Return the overrides of `scale` and `member` that select some members, given by scale and number."""
    scales, numbers = zip(*members, strict=True)
    chosen = {"scale": list(dict.fromkeys(scales)), "member": sorted(set(numbers))}
    return {key: values[0] if len(values) == 1 else values for key, values in chosen.items()}


def _listed(cfg: CalibrateConfig, members: Iterable[tuple[str, int]]) -> str:
    """Return the names of members, given by scale and number: "tiny/s1 member 0, tiny/s2 members 0 and 1"."""
    numbers: dict[str, list[str]] = {}
    for scale, member in members:
        numbers.setdefault(scale, []).append(str(member))
    return ", ".join(
        f"{cfg.family.name}/{scale} member{'s' if len(of_scale) > 1 else ''} {' and '.join(of_scale)}"
        for scale, of_scale in numbers.items()
    )


def _or_complete(
    cfg: CalibrateConfig, scales: Sequence[str], incomplete: Iterable[tuple[str, int]], named: NamedSetting | None
) -> str:
    """Return the advice to search among the scales of which nothing is missing.

    Args:
        cfg: the config.
        scales: the scales that the search chooses from.
        incomplete: the members of which something is missing, by scale and number.
        named: the setting of a sweep, whose scales are fixed; None if a setting is searched for.

    Returns:
        The end of a sentence; empty if there is no such scale.
    """
    lacking = {scale for scale, _ in incomplete}
    complete = [scale for scale in scales if scale not in lacking]
    if named is not None or not complete:
        return ""
    override = f"scale=[{','.join(complete)}]"
    return f", or choose among the complete scales: {shlex.quote(override)}"


def _read(
    cfg: CalibrateConfig,
    dataset: LabelledConfig,
    origins: Mapping[tuple[str, int], Origin],
    named: NamedSetting | None,
) -> Pool:
    """The networks that the search chooses from, or those of a named setting.

    Raises:
        WeeError: weights, logits or costs are missing (the message has the command that makes them), or they are others than
            those that the sweep of the named setting read.
    """
    from wee.cascade.named import check_entries
    from wee.store import LogitStore
    from wee.sweep import remedies
    from wee.sweep.pool import Unpriced, check_pick, read_pool

    weights = {}
    for key, origin in origins.items():
        try:
            weights[key] = origin.weights
        except WeeError as error:
            raise WeeError(f"{origin.name}: {error}") from None

    def expected(address: Address) -> Mapping[str, Any]:
        split = address.split
        samples = sample_identity(cfg.shift.get(split.name, dataset) if split in shifted else dataset, split.part)
        identity: dict[str, Any] = {} if samples is None else {"samples": samples}
        known = weights.get((address.scale, address.member))
        return identity if known is None else {**identity, "weights": known}

    shifted = [SplitName.shifted(name) for name in cfg.shift]
    if cfg.family.stored:
        scales, members, stored = _stored(cfg, named)
        shifted += [split for split in stored if split not in shifted]
    else:
        scales = list(dict.fromkeys(scale for scale, _ in origins))
        members = list(dict.fromkeys(member for _, member in origins))
    names = dataset.name, cfg.family.name, scales, members, [VAL, TEST, *shifted], cfg.pick
    conditions = {**source_conditions(cfg.cost.measure), **cfg.cost.conditions}
    store = LogitStore(cfg.paths.store)
    try:
        pool, missing = read_pool(store, *names, expected, cfg.cost.measure, conditions)
    except Unpriced as error:
        advice = remedies.pricing(error.entries, cfg.cost.measure)
        raise WeeError(f"{error}. {advice or 'Measure it: ' + command('evaluate', cost=cfg.cost.measure)}") from None
    if pool is None:
        lacking: dict[tuple[str, int], list[str]] = {}
        for address in missing:
            lacking.setdefault((address.scale, address.member), []).append(str(address.split))
        lacking_alike: dict[str, list[tuple[str, int]]] = {}
        for member, splits in lacking.items():
            lacking_alike.setdefault(", ".join(splits), []).append(member)
        entries = "; ".join(f"{_listed(cfg, alike)} on {splits}" for splits, alike in lacking_alike.items())
        without_networks = cfg.family.stored or isinstance(dataset, StoredConfig)
        about_imported = remedies.advice(store, missing, without_networks)
        advice = about_imported or f"Evaluate: {command('evaluate', **_selected(lacking))}"
        raise WeeError(f"the store has no logits of {entries}. {advice}{_or_complete(cfg, scales, lacking, named)}")
    check_pick(pool.entries, cfg.pick)
    if named is not None:
        check_entries(named, pool)
    return pool


def _imported(cfg: CalibrateConfig) -> bool:
    """Return whether data set and networks are known by their logits alone."""
    return cfg.family.stored and isinstance(cfg.dataset, StoredConfig)


def _stored(cfg: CalibrateConfig, named: NamedSetting | None) -> tuple[list[str], list[int], list[SplitName]]:
    """Return the scales and members in the store that the search chooses from, and the shifted test sets there.

    Raises:
        WeeError: the store has nothing of the family, or not the selected scales or sets.
    """
    from wee.sweep.pool import stored_names

    existing, splits = stored_names(Path(cfg.paths.store), cfg.dataset.name, cfg.family.name, cfg.cost.measure)
    shifted = [split for split in splits if split.kind == "shift"]
    if isinstance(cfg.dataset, StoredConfig) and shifted:
        wanted = chosen_sets(cfg.dataset, "shift")
        chosen = choose("shifted test set", wanted, [split.name for split in shifted]) if wanted else []
        shifted = [SplitName.shifted(name) for name in chosen]
    if named is not None:
        lineup = named.saved.lineup
        return sorted({stage.scale for stage in lineup}), sorted({stage.member for stage in lineup}), shifted
    return choose("scale", cfg.scale, existing, of=f"family {cfg.family.name}"), cfg.member, shifted


def _plan(cfg: CalibrateConfig, named: NamedSetting | None) -> CascadePlan:
    """How the cascade is to be made."""
    replaces, temperature = cfg.ensemble.combine == "replace", cfg.ensemble.temperature
    if named is not None:
        replaces = named.saved.combine == "replace"
        temperature = any(stage.temperature is not None for stage in named.saved.lineup)
    return CascadePlan(
        task=cfg.task.names[0],
        score=cfg.score.exit[0],
        sizes=cfg.stages,
        budget=cfg.budget,
        target=cfg.target,
        guarantee=cfg.guarantee,
        replaces=replaces,
        temperature=temperature,
        bootstrap=cfg.bootstrap,
        seed=cfg.seed,
        setting=None if named is None else named.to_dict(),
    )


def _identity(cfg: CalibrateConfig, plan: CascadePlan, pool: Pool) -> dict[str, Any]:
    """What fixes a calibrated cascade: how it is made, and the entries it is made from."""
    kind = Task.parse(plan.task).kind.name
    plugins = {
        name: catalogue.source(name)
        for name, catalogue in ((plan.score, SCORES), (kind, METRICS))
        if catalogue.source(name) is not None
    }
    networks = [[one.family, one.scale, one.member, one.exit, one.cost] for one in pool.networks]
    cost = {**asdict(cfg.cost), **source_conditions(cfg.cost.measure), "values": networks}
    entries = sorted(f"{entry.address} {entry.key} {entry.checksum}" for entry in pool.entries)
    settings = {**plan.describe(), "cost": cost, "plugins": plugins, "scoring": SCORING, "wee": version("wee")}
    return {"settings": settings, "entries": entries, "key": key_of({"settings": settings, "entries": entries})}


def _is_there(folder: Path, identity: Mapping[str, Any], overwrite: bool) -> bool:
    """Whether the cascade is there already.

    Raises:
        WeeError: another cascade has the same name.
    """
    from wee.cascade.description import CascadeDescription

    if not folder.exists():
        return False
    try:
        key = CascadeDescription.load(folder).calibrated_on.get("key")
    except WeeError as error:
        if not overwrite:
            raise WeeError(f"{error}, or choose another name=NAME") from None
        return False
    if key == identity["key"]:
        return True
    if not overwrite:
        raise WeeError(
            f"{folder} holds a cascade that was calibrated otherwise: choose another name=NAME, or replace it with "
            "overwrite=true"
        )
    return False


GROUPS: Mapping[str, Catalogue[Any]] = {"task": TASKS, "score": SCORES, "cost": COSTS}
"""The config groups whose choices come from catalogues."""

ABSENT = {
    "ood": (
        "there is no key 'ood': a cascade is calibrated on ID data alone, and its guarantees are about ID data. To see how "
        "settings do on OOD data, sweep them (wee sweep ood=NAME) and calibrate one of them (setting.sweep=NAME). To see how "
        "many images of an OOD set a cascade accepts, write them as files (wee data images=FOLDER split=ood-NAME) and classify "
        "them (wee predict). shift=NAME shows a cascade on shifted test sets"
    )
}
"""Keys of `wee sweep` that this command lacks, and why."""

COMMAND = Command(
    "calibrate",
    CalibrateConfig,
    calibrate,
    modules(),
    {name: Group(catalogue, choice) for name, catalogue in GROUPS.items()},
    absent=ABSENT,
    kinds=config_of,
)


if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("calibrate").main()
