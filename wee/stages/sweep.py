"""`wee sweep`: trace cascades over stored logits. Reads the store and nothing else."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.config.common import Common, EnsembleConfig, as_list
from wee.config.console import progress
from wee.config.failures import report
from wee.config.runner import Stage, command, stage
from wee.data.config import labelled
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig

if TYPE_CHECKING:
    from wee.store import Address
    from wee.sweep.load import Members
    from wee.sweep.table import Plan

log = logging.getLogger("wee")


@dataclass
class SweepConfig(Common):
    """What `wee sweep` can be told.

    Attributes:
        name: of the sweep, by which `wee figure` finds it.
        dataset, family, scale: whose logits.
        ensemble: which members, how many together, in which orders.
        policy, window, score, task: what is done with them, and what is measured.
        pick: where several entries have one name, which to take: beginnings of entry keys, weights' fingerprints or
            training recipes, or "newest".
    """

    dataset: Any = None
    family: FamilyConfig = MISSING
    ensemble: EnsembleConfig = MISSING
    policy: PolicyConfig = MISSING
    window: WindowConfig = MISSING
    score: ScoreConfig = MISSING
    task: TaskConfig = MISSING
    name: str = MISSING
    scale: Any = "all"
    pick: Any = None

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        self.scale = self.family.choose(self.scale)
        self.pick = [] if self.pick is None else [str(one) for one in as_list(self.pick)]
        if "/" in self.name:
            raise WeeError(f"name is '{self.name}': a sweep's name is the name of a folder, without slashes")


def sweep(cfg: SweepConfig) -> None:
    """Compute the table and the fronts, unless the same sweep over the same entries is there already."""
    from rich.console import Console

    from wee.sweep.results import is_sweep, read_table, save
    from wee.sweep.summary import summary
    from wee.sweep.table import Plan

    plan = Plan(cfg.ensemble, cfg.policy, cfg.window, cfg.score, cfg.task)
    names = [
        str(metric.name) for metric in plan.metrics if metric.task is not None
    ]  # bad names fail before any reading
    scales = _load(cfg)
    about = {
        **_identity(cfg, scales),
        "names": {"name": cfg.name, "dataset": cfg.dataset.name, "family": cfg.family.name},
    }
    folder = _folder(cfg, about)
    if is_sweep(folder):
        table = read_table(folder)
        log.info("this sweep over these logits is there already")
    else:
        table = _compute(scales, plan)
        from wee.sweep.fronts import fronts

        save(folder, table, fronts(table), about)
    Console(soft_wrap=True).print(summary(table, names))
    log.info(f"{folder}: table.csv ({len(table):,} rows), fronts.csv")
    report(folder=str(folder), rows=len(table))


def _load(cfg: SweepConfig) -> list[Members]:
    """The members of every scale.

    Raises:
        WeeError: entries are missing; the message has the command that makes them.
    """
    from wee.store import LogitStore
    from wee.sweep.load import load
    from wee.sweep.table import SPLITS

    store, loaded = LogitStore(cfg.paths.store), []
    missing: list[Address] = []
    for scale in cfg.scale:
        members, lacking = load(store, cfg.dataset.name, cfg.family.name, scale, cfg.ensemble.members, SPLITS, cfg.pick)
        missing += lacking
        loaded += [members] if members is not None else []
    if missing:
        scales = list(dict.fromkeys(address.scale for address in missing))
        numbers = sorted({address.member for address in missing})
        listed = ", ".join(str(address) for address in missing[:4]) + (", .." if len(missing) > 4 else "")
        make = command("evaluate", scale=_short(scales, cfg.scale), member=_short(numbers, cfg.ensemble.members))
        raise WeeError(f"{len(missing)} entries are not in {cfg.paths.store}: {listed}. Make them: {make}")
    return loaded


def _compute(scales: list[Members], plan: Plan) -> Any:
    import pandas as pd

    from wee.sweep.table import compute

    with progress("points") as bar:
        task = bar.add_task("sweeping", total=plan.points() * len(scales))
        tables = []
        for members in scales:
            bar.update(task, description=f"sweeping {members.family}/{members.scale}")
            tables.append(compute(members, plan, lambda n: bar.advance(task, n)))
    return pd.concat(tables, ignore_index=True)


def _identity(cfg: SweepConfig, scales: list[Members]) -> dict[str, Any]:
    """What fixes every number of a sweep: its settings, and the entries it reads."""
    from importlib.metadata import version

    parts = {name: asdict(getattr(cfg, name)) for name in ("ensemble", "policy", "window", "score", "task")}
    entries = [
        [str(entry.address), entry.key] for one in scales for split in one.entries.values() for entry in split.values()
    ]
    return {**parts, "scale": cfg.scale, "entries": entries, "wee": version("wee")}


def _folder(cfg: SweepConfig, identity: dict[str, Any]) -> Path:
    from wee.identity import key_of

    return Path(cfg.paths.sweeps, cfg.name, key_of(identity))


def _short(values: list[Any], everything: list[Any]) -> Any:
    """Values as a user would write them on a command line: nothing where all are meant, one without a list."""
    return None if values == everything else values[0] if len(values) == 1 else values


STAGE = Stage("sweep", SweepConfig, sweep)

if __name__ == "__main__":
    # Not this module's own STAGE: what is pickled for other processes must not live in __main__.
    stage("sweep").main()
