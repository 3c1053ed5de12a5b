"""`wee evaluate`: run trained members over images, and keep their logits, and what they cost, in the store."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.command import Command, command
from wee.app.console import progress
from wee.app.failures import Failures, report
from wee.app.fields import choice, short
from wee.app.groups import Group
from wee.commands import find_command, modules
from wee.commands.members import MembersConfig
from wee.costs import COSTS
from wee.costs.config import CostsConfig
from wee.data.config import ImagesConfig, ood_sets, shifted_sets
from wee.errors import WeeError, unknown
from wee.identity import key_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wee.data.base import Split
    from wee.lit.processes import Processes
    from wee.members.origins import LoadedMember, Origin
    from wee.store import Address, EntryWriter, LogitStore, MeasuredCost, PieceWriter

log = logging.getLogger("wee")


COLLECTING = 30
"""How long to wait for other processes' pieces to appear, in seconds."""

STORAGES = ("float32", "float16")


@dataclass
class EvaluateConfig(MembersConfig):
    """What `wee evaluate` can be told, beside which members.

    Attributes:
        ood: OOD sets, by name; all of them are evaluated, beside the val and test splits of the ID data.
        shift: labelled test sets from other distributions, by name; likewise.
        cost: which costs of each member are measured, once, and kept beside all of its entries, also beside those that are
            there already.
        batch_size: images run at once.
        precision: of the forward passes, as Lightning's Trainer takes it.
        storage: what logits are kept as: "float32", or "float16", half as large and rounded (what that changes in every
            number, `wee sweep rounding=float16` tells). Another storage is another entry.
        piece_samples: samples written at a time; null for pieces of about 16 MiB.
    """

    ood: dict[str, Any] = field(default_factory=dict)
    shift: dict[str, Any] = field(default_factory=dict)
    cost: CostsConfig = MISSING
    batch_size: int = 512
    precision: str = "32-true"
    storage: str = "float32"
    piece_samples: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.storage not in STORAGES:
            raise unknown("storage", self.storage, STORAGES)
        self.ood = ood_sets(self.ood)
        for ood in self.ood.values():
            if isinstance(ood, ImagesConfig):
                ood.channels = self.dataset.channels  # members see both alike
        self.shift = shifted_sets(self.shift, self.dataset)
        for name in ("batch_size", "piece_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"{name} is {value}: it must be 1 or more")


@dataclass(frozen=True)
class Job:
    """One entry to be made: a member on a split."""

    source: Origin
    split: str


def evaluate(cfg: EvaluateConfig) -> None:
    """Record every entry asked for that is not in the store yet, and measure every cost that an entry lacks."""
    from wee.data.shifted import shifted
    from wee.lit.processes import start_processes
    from wee.members.origins import source
    from wee.members.recipes import Recipe
    from wee.store import LogitStore

    store, failures = LogitStore(cfg.paths.store), Failures()
    splits = {name: cfg.dataset.split(name) for name in ("val", "test")}
    splits |= {f"ood-{name}": ood.split("test").unlabelled() for name, ood in cfg.ood.items()}
    splits |= {f"shift-{name}": shifted(one, cfg.dataset) for name, one in cfg.shift.items()}
    members = [
        Recipe(cfg.dataset, cfg.family, cfg.trainer, scale, member) for scale in cfg.scale for member in cfg.member
    ]
    sources = [source(cfg.dataset, cfg.family, r.scale, r.member, r, cfg.paths.checkpoints) for r in members]

    _check_trained(cfg, sources)
    jobs: deque[Job] = deque()
    for one in sources:
        with failures.of(one.name):
            _ = one.weights
            jobs.extend(Job(one, split) for split in splits)

    with start_processes("evaluate", cfg.runtime) as processes:
        recorder = _Recorder(cfg, store, splits, processes)
        if processes.leads:
            _lead(recorder, jobs, failures)
        else:
            named = {(job.source.scale, job.source.member, job.split): job for job in jobs}
            for scale, member, split, key, missing in processes.assignments():
                with contextlib.suppress(WeeError):  # the leader tells
                    recorder.help(named.get((scale, member, split)), key, missing)


def _lead(recorder: _Recorder, jobs: deque[Job], failures: Failures) -> None:
    """Make every entry that is not there yet; nothing stops at one that fails."""
    from wee.store.store import Busy

    cfg, store = recorder.cfg, recorder.store
    total = sum(len(recorder.splits[job.split]) for job in jobs)
    recorded: dict[str, int] = {}
    there = added = waiting = 0
    with progress("images") as bar:
        task = bar.add_task("evaluating", total=total)
        while jobs:
            job = jobs.popleft()
            split, name = recorder.splits[job.split], f"{job.source.name} on {job.split}"
            bar.update(task, description=f"evaluating {name}")
            with failures.of(name):
                address, identity = recorder.entry(job)
                entry = store.get(address, identity)
                if entry is not None:
                    there, waiting = there + 1, 0
                    bar.advance(task, len(split))
                    added += sum([entry.add_cost(cost) for cost in recorder.costs(job.source)])
                    continue
                try:
                    writer = store.writer(address, identity, split.labels, split.ids, split.groups, cfg.piece_samples)
                except Busy as busy:
                    if waiting == 0:
                        log.info(f"{name}: {busy} is making it; coming back to it later")
                    jobs.append(job)  # others first: two processes share the work
                    waiting += 1
                    if waiting >= len(jobs):
                        time.sleep(0.5)
                    continue
                with writer:
                    waiting = 0
                    bar.advance(task, writer.found)
                    recorder.make(job, writer, lambda n: bar.advance(task, n))
                    recorded[name] = len(split) - writer.found
            if recorder.processes.broken:
                if jobs:
                    failures.messages.append(f"{len(jobs)} entries were not tried, because a process was lost")
                break
    samples = sum(recorded.values())
    log.info(
        f"{len(recorded)} entries recorded ({samples:,} images), {there} were there already"
        + (f" (costs added: {added})" if added else "")
        + f"; in {cfg.paths.store}"
    )
    report(recorded=recorded, already_there=there, images=samples, costs_added=added, failures=failures.messages)
    failures.tell()


def _check_trained(cfg: EvaluateConfig, sources: list[Origin]) -> None:
    """One message where no member at all is there.

    Raises:
        WeeError: none of the members is trained with this config.
    """
    from wee.members.origins import Trained

    recipes = [one for one in sources if isinstance(one, Trained)]
    folders = [one.folder for one in recipes]
    if len(recipes) < len(sources) or any(folder.is_dir() for folder in folders):
        return
    others = [
        path for folder in folders for path in folder.parent.glob(f"{folder.name.split('-')[0]}-*") if path.is_dir()
    ]
    note = (
        f" (there are {len(others)} that were trained otherwise: repeat the overrides they were trained with)"
        if others
        else ""
    )
    scales, members = list(dict.fromkeys(r.scale for r in recipes)), list(dict.fromkeys(r.member for r in recipes))
    raise WeeError(
        f"none of the {len(recipes)} members is trained with this config{note}; train them: "
        + command("train", scale=short(scales, list(cfg.family.scales)), member=short(members, cfg.ensemble.members))
    )


class _Recorder:
    """Makes entries, alone or with other processes; holds the member at work, loaded once for all its splits.

    Args:
        cfg: the config of the command.
        store: where entries go.
        splits: every split, by name.
        processes: the processes.
    """

    def __init__(
        self, cfg: EvaluateConfig, store: LogitStore, splits: Mapping[str, Split], processes: Processes
    ) -> None:
        self.cfg, self.store, self.splits, self.processes = cfg, store, splits, processes
        self._latest: tuple[str, LoadedMember] | None = None
        self._costs: tuple[str, list[MeasuredCost]] | None = None

    def entry(self, job: Job) -> tuple[Address, dict[str, Any]]:
        """The address of an entry and its identity."""
        from wee.store import Address

        cfg, source = self.cfg, job.source
        address = Address(cfg.dataset.name, cfg.family.name, source.scale, source.member, job.split)
        return address, source.logits_identity(self.splits[job.split], cfg.precision, cfg.storage)

    def make(self, job: Job, writer: EntryWriter, done: Callable[[int], None]) -> None:
        """Record what an entry lacks, with the others' help, and commit it.

        Raises:
            WeeError: it failed in some process, or a cost cannot be measured.
        """
        costs = self.costs(job.source)
        missing, size = writer.missing, self.processes.size
        self.processes.assign((job.source.scale, job.source.member, job.split, writer.key, missing))
        with self.processes.apart():
            self._record(job, missing, writer, lambda n: done(n * size))
            writer.flush()
        for _ in range(COLLECTING if size > 1 else 0):  # a shared folder may be late to show others' pieces
            writer.collect()
            if not len(writer.missing):
                break
            time.sleep(1.0)
        plain = {
            cost.name: cost.values[0] if len(cost.values) == 1 else cost.values for cost in costs if not cost.conditions
        }
        entry = writer.commit(plain, self._provenance(job.source))
        for cost in costs:
            entry.add_cost(cost)

    def costs(self, source: Origin) -> list[MeasuredCost]:
        """The costs asked for of a member: those that one of its entries has, and the others measured now, once.

        Raises:
            WeeError: a cost cannot be measured.
        """
        if self._costs is None or self._costs[0] != source.name:
            self._costs = (source.name, [self._cost(source, name) for name in self.cfg.cost.measure])
        return self._costs[1]

    def _cost(self, source: Origin, name: str) -> MeasuredCost:
        from wee.costs import conditions, measured
        from wee.store import Entry, MeasuredCost
        from wee.store.entry import Damaged
        from wee.versions import versions

        now = conditions(name)
        for split in self.splits:
            folder = self.store.folder(*self.entry(Job(source, split)))
            with contextlib.suppress(Damaged):  # reported when it is the entry's turn
                for cost in Entry.open(folder).costs if folder.is_dir() else []:
                    if cost.name == name and cost.conditions == now:
                        return cost
        member = self._network(source)
        values = measured(COSTS.find(name), member.module, member.transform, self.cfg.dataset.channels)
        return MeasuredCost(name, values, now, time.strftime("%Y-%m-%dT%H:%M:%S%z"), versions())

    def help(self, job: Job | None, key: str, missing: NDArray[np.int64]) -> None:
        """Record a share of an entry that the leader makes.

        Raises:
            WeeError: it failed in some process.
        """
        with self.processes.apart():
            address, identity = self.entry(job) if job is not None else (None, {})
            if job is None or address is None or key_of(identity) != key:
                raise WeeError("it does not see the same weights or images as the first; are the folders shared?")
            split = self.splits[job.split]
            with self.store.pieces(address, identity, split.labels, split.ids, self.cfg.piece_samples) as writer:
                self._record(job, missing, writer, lambda n: None)

    def _record(self, job: Job, missing: NDArray[np.int64], writer: PieceWriter, done: Callable[[int], None]) -> None:
        from wee.lit.record import Recording, record

        cfg, processes = self.cfg, self.processes
        how = Recording(cfg.batch_size, cfg.precision, cfg.storage, processes.alone(cfg.runtime))
        record(
            self._network(job.source),
            self.splits[job.split],
            missing[processes.rank :: processes.size],
            writer,
            how,
            done,
        )

    def _network(self, source: Origin) -> LoadedMember:
        if self._latest is None or self._latest[0] != source.name:
            self._latest = (source.name, source.network())
        return self._latest[1]

    def _provenance(self, source: Origin) -> dict[str, Any]:
        """What to remember of how an entry was made."""
        from wee.versions import versions

        cfg = self.cfg
        return {
            "command": command("evaluate", scale=source.scale, member=source.member),
            "recipe": source.recipe,
            "trainer": cfg.trainer.name,
            "labels": {"dataset": cfg.dataset.label, "family": cfg.family.label, "scale": source.architecture.label},
            "config": {"recipe": source.about, "batch_size": cfg.batch_size},
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": versions(),
        }


COMMAND = Command("evaluate", EvaluateConfig, evaluate, modules(), {"cost": Group(COSTS, choice)})

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("evaluate").main()
