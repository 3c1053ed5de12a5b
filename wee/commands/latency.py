"""`wee latency`: time networks, ensembles and cascades on this machine."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING
from rich.table import Table

from wee.app.command import Command
from wee.app.console import progress, show
from wee.app.failures import report
from wee.app.fields import Checked, as_list, check_name, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.costs import LATENCY
from wee.data.config import LabelledConfig
from wee.data.kinds import config_of
from wee.data.roles import labelled
from wee.dates import timestamp
from wee.errors import WeeError, first_line, unknown
from wee.machine import busy
from wee.members.config import EnsembleConfig
from wee.members.trainer import TrainerConfig
from wee.method.policies import BASELINES, POLICIES, Ensemble, Single, Width, Window
from wee.method.scores import DEFAULT_SCORE, SCORES
from wee.models.config import FamilyConfig
from wee.sweep.config import WindowConfig
from wee.units import counted, si

if TYPE_CHECKING:
    import pandas as pd

    from wee.cascade.latency import Contender, Shelf, TimedNetwork, TimingPlan
    from wee.costs.latency import Conditions
    from wee.members.origins import Origin
    from wee.sweep.replay import Replayed
    from wee.sweep.times import TimedRow

log = logging.getLogger("wee")

AUTOCASTS = ("bfloat16", "float16")


@dataclass
class SettingsConfig:
    """The settings of a sweep that are timed.

    Attributes:
        policies: The policies.
        tasks: The task that windows are set for, or a list of tasks; null for the first one in the sweep.
        width: The width of windows, or a list of widths.
        fraction: The quantile of single thresholds, or probability of random exits; or a list.
        score: The score that decides exits, or a list.
        size: The number of networks in ensembles and cascades, or a list; null for all in the sweep.
    """

    policies: Checked[list[str]] = written([*BASELINES, Window.name])
    tasks: Checked[list[str]] = written(None)
    width: Checked[list[Width | tuple[Width, ...]]] = written(0.2)
    fraction: Checked[list[float]] = written(0.2)
    score: Checked[list[str]] = written(DEFAULT_SCORE)
    size: Checked[list[int]] = written(None)

    def __post_init__(self) -> None:
        self.policies = [POLICIES.find(name).name for name in as_list(self.policies)]
        if not self.policies:
            raise WeeError(f"settings.policies is empty; choose from {', '.join(POLICIES)}")
        self.tasks = [] if self.tasks is None else [str(task) for task in as_list(self.tasks)]
        self.width = WindowConfig(self.width).width
        self.fraction = [float(value) for value in as_list(self.fraction)]
        self.score = [SCORES.find(name).name for name in as_list(self.score)]
        self.size = [] if self.size is None else as_list(self.size)


@dataclass
class LatencyConfig(Common):
    """The config of `wee latency`.

    Attributes:
        dataset: The ID data, whose classes and channels networks are built for; images are not read.
        family: The architectures.
        ensemble: The members of ensembles, if no sweep is given.
        trainer: How members are trained, which identifies their weights. Networks without weights get random ones.
        scale: The scales that are timed if neither a sweep nor a cascade is given: one, a list, or "all".
        sweeps: The sweeps whose settings are timed: a name, folder or pattern, a list of these, or "newest"; null for none.
        settings: Which settings of the sweeps.
        cascade: A folder made by `wee calibrate`, whose cascade is timed; null for none.
        batch: The number of images in a call, or a list of numbers.
        images: The least number of images that are timed at each batch size.
        rounds: The number of rounds, in each of which everything has its turn.
        warmup: The number of calls before the first round, which are not timed.
        seed: The seed of the order in which images leave cascades.
        device: "auto" for a CUDA device if there is one, otherwise the CPU; or a device as torch names it.
        threads: The number of torch's threads; 0 as for other commands (OMP_NUM_THREADS, or the processors of this job).
        autocast: The type of automatic mixed precision, "bfloat16" or "float16"; null for none.
        channels_last: Whether images and weights have the memory layout "channels last".
        record: Whether to add the times of networks as costs beside their entries of the store.
        name: The name of the table.
        overwrite: Whether to replace a table of the same name, or to measure again what is there.
    """

    dataset: Checked[LabelledConfig] = written(None)
    family: FamilyConfig = MISSING
    ensemble: EnsembleConfig = MISSING
    trainer: TrainerConfig = MISSING
    scale: Checked[list[str]] = written("all")
    sweeps: Checked[list[str]] = written(None)
    settings: SettingsConfig = field(default_factory=SettingsConfig)
    cascade: str | None = None
    batch: Checked[list[int]] = written([1, 256])
    images: int = 2000
    rounds: int = 10
    warmup: int = 5
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    autocast: str | None = None
    channels_last: bool = True
    record: bool = True
    name: str = MISSING
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_name("name", self.name)
        self.dataset = labelled(self.dataset)
        if not self.family.stored:
            self.scale = self.family.choose(self.scale)
        self.sweeps = [] if self.sweeps is None else [str(sweep) for sweep in as_list(self.sweeps)]
        if self.sweeps and self.cascade is not None:
            raise WeeError("sweeps and cascade are both given: time the settings of sweeps, or one calibrated cascade")
        self.batch = as_list(self.batch)
        for batch in self.batch:
            if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
                raise WeeError(f"batch has {batch!r}: it is a number of images, 1 or more, or a list of such numbers")
        if not self.batch or len(set(self.batch)) < len(self.batch):
            raise WeeError(f"batch is {self.batch}: give one batch size or more, each once")
        for name, least in (("rounds", 1), ("warmup", 0), ("seed", 0), ("threads", 0)):
            if getattr(self, name) < least:
                raise WeeError(f"{name} is {getattr(self, name)}: it is a whole number from {least} on")
        if self.images < self.rounds:
            raise WeeError(
                f"images is {self.images}, which is too few for rounds={self.rounds}: at least one image is timed in each "
                "round, and 2000 in all are usual"
            )
        if self.autocast is not None and self.autocast not in AUTOCASTS:
            raise unknown("autocast", self.autocast, AUTOCASTS)


def latency(cfg: LatencyConfig) -> None:
    """Time what is asked for, write the table, add costs to the store, and print a summary."""
    from wee.cascade.latency import RANDOM, measure, networks_of, total_images
    from wee.files import write_atomically
    from wee.lit.processes import thread_count
    from wee.lit.runtime import RuntimeConfig
    from wee.machine import torch_threads
    from wee.sweep.times import read_times, times_table

    plan, path = _plan(cfg), Path(cfg.paths.latency, f"{cfg.name}.csv")
    with torch_threads(thread_count(RuntimeConfig(threads=cfg.threads))):
        contenders, source = _contenders(cfg, plan.where)
        key = _key(plan, contenders, source)
        if _is_there(path, key, cfg.overwrite):
            log.info(f"{path} has these times already; overwrite=true measures them again")
            show(summary(read_times(path)))
            report(file=str(path), measured=0, costs_added=0)
            return
        _warn(contenders, plan)
        with progress("images", refreshes=False) as bar:
            task = bar.add_task("timing", total=total_images(contenders, plan))
            rows = measure(contenders, plan, key, done=lambda images: bar.update(task, advance=images, refresh=True))
        write_atomically(path, times_table(rows).to_csv(index=False))
        networks = networks_of(contenders)
        added = _record(cfg, networks, rows, plan) if cfg.record else 0
    fresh = [f"{part.family}/{part.scale}" for part in networks if part.weights == RANDOM]
    if fresh:
        log.info(f"built anew with random weights, on which times do not depend: {', '.join(fresh)}")
    show(summary(read_times(path)))
    log.info(
        f"{path}: {counted(len(rows), 'row')}" + (f"; costs added to {cfg.paths.store}: {added}" if cfg.record else "")
    )
    report(file=str(path), measured=len(rows), costs_added=added)


def _plan(cfg: LatencyConfig) -> TimingPlan:
    """Return how times are measured.

    Raises:
        WeeError: there is no such device.
    """
    import torch

    from wee.cascade.latency import TimingPlan
    from wee.costs.latency import Conditions

    device = cfg.device if cfg.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise WeeError(
            f"device={device} cannot be used: {first_line(error)}; give cpu, cuda, cuda:1, .. or auto"
        ) from None
    where = Conditions(1, device, cfg.autocast, cfg.channels_last)
    return TimingPlan(cfg.batch, cfg.images, cfg.rounds, cfg.warmup, cfg.seed, where)


def _contenders(cfg: LatencyConfig, where: Conditions) -> tuple[list[Contender], list[str]]:
    """Return what is timed, and keys of the sweeps or of the cascade that it comes from."""
    if cfg.cascade is not None:
        return _of_cascade(Path(cfg.cascade), where)
    from wee.cascade.latency import Shelf
    from wee.store import LogitStore
    from wee.sweep.replay import Selection, read_settings
    from wee.sweep.results import find_sweeps

    if cfg.family.stored:
        raise WeeError(
            f"family {cfg.family.name} has logits in the store alone, and no networks that could be timed: choose a family "
            "of networks"
        )
    chosen = cfg.settings
    selection = Selection(chosen.policies, chosen.tasks, chosen.width, chosen.fraction, chosen.score, chosen.size)
    settings: dict[tuple[Any, ...], Replayed] = {}
    for path in find_sweeps(Path(cfg.paths.sweeps), cfg.sweeps):
        for setting in read_settings(path, LogitStore(cfg.paths.store), selection):
            settings.setdefault(tuple(setting.columns.values()), setting)
    for setting in settings.values():
        _check_family(cfg, setting)
    shelf = Shelf(_origins(cfg), where)
    if not cfg.sweeps:
        return _of_scales(cfg, shelf), []
    contenders = [_of_setting(setting, shelf) for setting in settings.values()]
    return contenders, sorted({setting.key for setting in settings.values()})


def _origins(cfg: LatencyConfig) -> Callable[[str, int], Origin]:
    """Return the function that returns the origin of a member, given its scale and number.

    Raises:
        WeeError: the number of classes is unknown.
    """
    from wee.members.origins import Trained
    from wee.members.recipes import Recipe

    dataset = cfg.dataset.resolve()
    if dataset.classes < 1:
        raise WeeError(
            f"data set {dataset.name} does not say how many classes it has, and networks need that number of outputs; give "
            "dataset.classes=NUMBER"
        )

    def origin(scale: str, member: int) -> Origin:
        made = Recipe(dataset, cfg.family, cfg.trainer, scale, member)
        return Trained(dataset, cfg.family, scale, member, made=made, folder=made.folder(cfg.paths.checkpoints))

    return origin


def _check_family(cfg: LatencyConfig, setting: Replayed) -> None:
    """Check that the networks of a setting are those of the config.

    Raises:
        WeeError: they are of another data set or family.
    """
    if setting.columns["dataset"] != cfg.dataset.name:
        raise WeeError(
            f"the sweep {setting.sweep} is about data set {setting.columns['dataset']}, and dataset={cfg.dataset.name}: "
            f"give dataset={setting.columns['dataset']}"
        )
    for member in setting.rules[0].lineup:
        if member.family != cfg.family.name or member.scale not in cfg.family.scales:
            raise WeeError(
                f"the sweep {setting.sweep} has networks {member.family}/{member.scale}, and family {cfg.family.name} has "
                f"the scales {', '.join(cfg.family.scales)}: give family={member.family}"
            )


def _of_setting(setting: Replayed, shelf: Shelf) -> Contender:
    """Return a setting of a sweep as a live cascade: the lineup and the rule of its first choice of members."""
    from wee.cascade.latency import Contender
    from wee.method import FixedRule
    from wee.method.policies import Role
    from wee.sweep.times import SETTING

    saved = setting.rules[0]
    assert saved.rule is not None
    several = saved.role is Role.TOGETHER
    accepted = [entry for entry in saved.acceptance if several or not SCORES.find(entry.eval_score).several]
    temperatures = [member.temperature for member in saved.lineup]
    return Contender(
        {"subject": SETTING, "name": setting.sweep, **setting.columns},
        [shelf.part(member.scale, member.member, member.exit) for member in saved.lineup],
        saved.rule if saved.role is Role.CASCADE else FixedRule(len(saved.lineup) - 1),
        setting.reaching.tolist(),
        len(setting.rules),
        accepted[0].eval_score if accepted else DEFAULT_SCORE,
        saved.combine if saved.role in (Role.CASCADE, Role.TOGETHER) else "replace",
        temperatures,
        accepted[0].least if accepted else None,
    )


def _of_scales(cfg: LatencyConfig, shelf: Shelf) -> list[Contender]:
    """Return the single models and the ensembles of the chosen scales; of multi-exit networks, every exit."""
    contenders = []
    for scale in cfg.scale:
        first = shelf.part(scale, cfg.ensemble.members[0])
        for exit in first.exits:
            contenders.append(_alone(shelf.part(scale, cfg.ensemble.members[0], exit)))
        if first.exits == [None] and cfg.ensemble.size > 1:
            contenders.append(
                _together([shelf.part(scale, member) for member in cfg.ensemble.members[: cfg.ensemble.size]])
            )
    return contenders


def _alone(part: TimedNetwork) -> Contender:
    from wee.cascade.latency import Contender
    from wee.method import FixedRule

    return Contender(_columns([part], Single.name), [part], FixedRule(0), [1.0])


def _together(parts: Sequence[TimedNetwork]) -> Contender:
    from wee.cascade.latency import Contender
    from wee.method import FixedRule

    return Contender(_columns(parts, Ensemble.name), parts, FixedRule(len(parts) - 1), [1.0] * len(parts))


def _columns(parts: Sequence[TimedNetwork], policy: str | None) -> dict[str, Any]:
    """Return the columns that name a setting of some networks or exits."""
    from wee.sweep.cells import FAMILIES, NUMBERS, SCALES
    from wee.sweep.times import SETTING, SETTING_KEYS

    families = list(dict.fromkeys(part.family for part in parts))
    scales = list(dict.fromkeys(part.scale if len(families) == 1 else "/".join(part.name) for part in parts))
    exits = [part.exit for part in parts if part.exit is not None]
    return {
        **dict.fromkeys(SETTING_KEYS),
        "subject": SETTING,
        "name": None,
        "dataset": parts[0].dataset,
        "family": FAMILIES.write(families),
        "scale": SCALES.write(scales),
        "exits": NUMBERS.write(exits or None),
        "size": len(parts),
        "policy": policy,
    }


def _of_cascade(folder: Path, where: Conditions) -> tuple[list[Contender], list[str]]:
    """Return a calibrated cascade, its networks alone, and the ensemble of all of them."""
    from wee.cascade.description import CascadeDescription
    from wee.cascade.folder import members_of, transforms_of
    from wee.cascade.latency import TRAINED, Contender, TimedNetwork
    from wee.models.exits import Exit
    from wee.sweep.times import CASCADE

    description = CascadeDescription.load(folder)
    parts = []
    members = members_of(folder, description)
    for stage, member, transform in zip(description.stages, members, transforms_of(description), strict=True):
        network = member.network if isinstance(member, Exit) else member
        names = (description.dataset, stage.family, stage.scale, where.prepare(network))
        parts.append(TimedNetwork(*names, stage.exit, transform.size, stage.channels, stage.architecture, TRAINED))
    shares = [estimate.value for estimate in description.expected["test"].reaching]
    alone = {(part.name, part.exit): _alone(part) for part in parts}
    cascade = Contender(
        {
            **_columns(parts, None), "subject": CASCADE, "name": folder.name, "score": description.score,
            "task": description.task,
        },
        parts,
        description.rule,
        shares,
        1,
        description.score,
        description.combine,
        [stage.temperature for stage in description.stages],
        description.acceptance,
    )  # fmt: skip
    together = [] if parts[0].exit is not None or len(parts) == 1 else [_together(parts)]
    return [*alone.values(), *together, cascade], [str(description.calibrated_on["key"])]


def _key(plan: TimingPlan, contenders: Sequence[Contender], source: Sequence[str]) -> str:
    """Return what identifies a measurement: what is timed, how, and on which machine."""
    from wee.identity import key_of

    how = {**asdict(plan), **plan.where.describe()}
    plain = json.loads(json.dumps([how, [contender.describe() for contender in contenders], list(source)]))
    return key_of({"measurement": plain})


def _is_there(path: Path, key: str, overwrite: bool) -> bool:
    """Return whether a table has the times of this very measurement.

    Raises:
        WeeError: there is a table of another measurement.
    """
    from wee.sweep.times import read_times

    if overwrite or not path.exists():
        return False
    if set(read_times(path).key) == {key}:
        return True
    raise WeeError(
        f"{path} holds times that were measured otherwise (of other settings, or on another machine): choose another "
        "name=NAME, or replace it with overwrite=true"
    )


def _warn(contenders: Sequence[Contender], plan: TimingPlan) -> None:
    """Warn about what makes times less reliable."""
    load = busy()
    if load is not None:
        log.warning(f"this machine is busy (load {load:.1f}): times are longer than on a free one, and noisier")
    for contender in contenders:
        for stage, share in enumerate(contender.reaching, start=1):
            if 0 < share * plan.images < 1:
                log.warning(
                    f"images={plan.images} are too few for {contender.columns['scale']}: a share of {share:.2g} reaches "
                    f"stage {stage}, so none of them may"
                )


def _record(cfg: LatencyConfig, networks: Sequence[TimedNetwork], rows: Sequence[TimedRow], plan: TimingPlan) -> int:
    """Add the times of networks as costs beside their entries, and return the number of costs that were added.

    A time that was added under the same conditions before is kept: costs are never overwritten.
    """
    from dataclasses import replace

    from wee.cascade.latency import exit_costs
    from wee.store import LogitStore, MeasuredCost
    from wee.versions import versions

    store, added = LogitStore(cfg.paths.store), 0
    for part in networks:
        entries = store.entries_of(part.dataset, part.family, part.scale)
        entries = [
            entry
            for entry in entries
            if entry.outputs == len(part.exits)
            and entry.manifest["identity"].get("architecture", part.architecture) == part.architecture
        ]
        for batch in plan.batches:
            conditions = replace(plan.where, batch=batch).describe()
            costs = exit_costs(rows, part, batch)
            cost = MeasuredCost(LATENCY, costs, conditions, timestamp(), versions())
            # Each member keeps what wee evaluate or an earlier run has measured, in all of its entries.
            known: dict[int, MeasuredCost] = {}
            lacking = []
            for entry in entries:
                old = next((old for old in entry.costs if old.file == cost.file), None)
                if old is None:
                    lacking.append(entry)
                else:
                    known.setdefault(entry.address.member, old)
            if known:
                log.info(
                    f"{part.family}/{part.scale} has a cost {LATENCY} at batch {batch} under these conditions already; it is "
                    "kept"
                )
            added += sum([entry.add_cost(known.get(entry.address.member, cost)) for entry in lacking])
    return added


def summary(times: pd.DataFrame) -> Table:
    """Return a table with the times of everything that was measured."""
    from wee.sweep.times import NETWORK, SHARES, machine_of

    shown = Table(
        title=f"{machine_of(times)}; milliseconds an image", title_justify="left", header_style="bold"
    )  # fmt: skip
    for column in ("scale", "what", "batch"):
        shown.add_column(column, no_wrap=True, justify="right" if column == "batch" else "left")
    heads = ("go on", "mean", "median", "quartiles", "images/s", "ideal", "efficiency", "by rounds", "passes")
    for column in heads:
        shown.add_column(column, justify="right", no_wrap=True)
    rows: list[Any] = list(times.itertuples())
    for place, row in enumerate(rows):
        if place and row.batch != rows[place - 1].batch:
            shown.add_section()
        exits = "" if _missing(row.exits) else f" exit {str(row.exits).replace('+', ', ')}"
        what = "forward pass" if row.subject == NETWORK else _what(row)
        goes_on = ", ".join(f"{share:.1%}" for share in SHARES.read(row.reaching)[1:])
        ideal = "" if row.subject == NETWORK else f"{1e3 * row.ideal:.3g}"
        shares = [
            "" if row.subject == NETWORK else f"{share:.1%}"
            for share in (row.efficiency, row.efficiency_median, row.passes_share)
        ]
        numbers = [f"{1e3 * value:.3g}" for value in (row.mean, row.median)]
        quartiles = f"{1e3 * row.lower:.3g} - {1e3 * row.upper:.3g}"
        shown.add_row(
            f"{row.scale}{exits}",
            what,
            str(row.batch),
            goes_on,
            *numbers,
            quartiles,
            si(row.throughput),
            ideal,
            *shares,
        )
    shown.caption = (
        "ideal: t1 + f t2, with the times of forward passes that run alone; efficiency: ideal / mean, or its median over\n"
        "rounds; passes: the share of the time that the same forward passes take in the same order"
    )
    shown.caption_justify = "left"
    return shown


def _what(row: Any) -> str:
    """Return the name of a contender in the summary: its policy with its parameters, or the name of a cascade."""
    if _missing(row.policy):
        return f"cascade {row.name}"
    values = [row.width, row.fraction, row.parameters, row.task]
    return " ".join([str(row.policy), *(str(value) for value in values if not _missing(value))])


def _missing(value: Any) -> bool:
    return value is None or value != value


COMMAND = Command(LATENCY, LatencyConfig, latency, modules(), networks=True, kinds=config_of)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command(LATENCY).main()
