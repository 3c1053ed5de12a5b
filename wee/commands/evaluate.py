"""`wee evaluate`: run trained members on images, and store their logits and costs."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from omegaconf import MISSING

from wee.app.command import Command, command
from wee.app.console import progress
from wee.app.failures import Failures, report
from wee.app.fields import Checked, choice, short, written
from wee.app.groups import Group
from wee.commands import find_command, modules
from wee.commands.members import MembersConfig, recipes, resolve_dataset
from wee.costs import COSTS
from wee.costs.config import CostsConfig
from wee.data.config import DatasetConfig
from wee.data.kinds import config_of
from wee.data.roles import ood_sets, shifted_sets
from wee.data.splits import Kind, SplitName
from wee.dates import timestamp
from wee.errors import WeeError, unknown
from wee.identity import key_of
from wee.units import counted

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
    """The config of `wee evaluate`.

    Attributes:
        ood: OOD sets, by name. All of them are evaluated, in addition to the val and test splits of the ID data.
        shift: labelled test sets from other distributions, by name. All of them are evaluated too.
        cost: the costs to measure. Each is measured once for each member, and added to all of its entries, including those
            that exist already.
        batch_size: number of images in one forward pass.
        precision: numerical precision of forward passes, as Lightning's Trainer takes it.
        storage: the type in which logits are stored: "float32", or "float16", which is half as large and rounded
            (`wee sweep rounding=float16` reports the effect on every number). Each type has its own entries. A type for each
            kind of split, `storage={shift: float16, ood: float16}`, leaves the others in float32.
        piece_samples: number of samples written at a time; null for pieces of about 16 MiB.
    """

    ood: Checked[dict[str, DatasetConfig]] = written({})
    shift: Checked[dict[str, DatasetConfig]] = written({})
    cost: CostsConfig = MISSING
    batch_size: int = 512
    precision: str = "32-true"
    storage: Checked[dict[Kind, str]] = written(STORAGES[0])
    piece_samples: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.storage = _storages(self.storage)
        self.ood = ood_sets(self.ood, self.dataset)
        self.shift = shifted_sets(self.shift, self.dataset)
        for name in ("batch_size", "piece_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"{name} is {value}: it must be 1 or more")


def _storages(written_storage: object) -> dict[Kind, str]:
    """Return the type in which logits are stored, by kind of split.

    Args:
        written_storage: as a user writes it: a type, or a mapping from kinds of splits to types.

    Raises:
        WeeError: there is no such type or kind.
    """
    kinds = get_args(Kind)
    if isinstance(written_storage, Mapping):
        for kind in written_storage:
            if kind not in kinds:
                raise unknown("kind of split", kind, kinds, of="storage")
        storages = {kind: str(written_storage.get(kind, STORAGES[0])) for kind in kinds}
    else:
        storages = dict.fromkeys(kinds, str(written_storage))
    for storage in storages.values():
        if storage not in STORAGES:
            raise unknown("storage", storage, STORAGES)
    return storages


@dataclass(frozen=True)
class EvaluateJob:
    """The resolved inputs of `wee evaluate`.

    Attributes:
        origins: The origins of the selected members.
        splits: The samples of every split, by name.
    """

    origins: list[Origin]
    splits: dict[SplitName, Split]


@dataclass(frozen=True)
class Pending:
    """An entry to be recorded: the logits of a member on a split."""

    origin: Origin
    split: SplitName


def resolve(cfg: EvaluateConfig) -> EvaluateJob:
    """Resolve the config with the files on disk: count classes, and list the images.

    Raises:
        WeeError: images are missing, the number of classes is unknown, or a scale names too few weights.
    """
    from wee.data.samples import evaluated_splits
    from wee.members.origins import source

    dataset = resolve_dataset(cfg)
    splits = evaluated_splits(dataset, cfg.ood, cfg.shift)
    origins = [
        source(dataset, cfg.family, recipe.scale, recipe.member, recipe, cfg.paths.checkpoints)
        for recipe in recipes(cfg, dataset)
    ]
    return EvaluateJob(origins, splits)


def evaluate(cfg: EvaluateConfig) -> None:
    """Record every selected entry that is not in the store, and measure every cost that an entry lacks."""
    from wee.lit.processes import start_processes
    from wee.store import LogitStore

    store, failures, job = LogitStore(cfg.paths.store), Failures(), resolve(cfg)
    _check_trained(cfg, job.origins)
    pending: deque[Pending] = deque()
    for origin in job.origins:
        with failures.of(origin.name):
            _ = origin.weights
            pending.extend(Pending(origin, split) for split in job.splits)

    with start_processes("evaluate", cfg.runtime) as processes:
        recorder = _Recorder(cfg, store, job.splits, processes)
        if processes.leads:
            _lead(recorder, pending, failures)
        else:
            by_name = {(entry.origin.scale, entry.origin.member, entry.split): entry for entry in pending}
            for scale, member, split, key, missing in processes.assignments():
                with contextlib.suppress(WeeError):  # the leader reports it
                    recorder.help(by_name.get((scale, member, split)), key, missing)


def _lead(recorder: _Recorder, pending: deque[Pending], failures: Failures) -> None:
    """Record every entry that does not exist; if one fails, continue with the others."""
    from wee.store.store import Busy

    cfg, store = recorder.cfg, recorder.store
    total = sum(len(recorder.splits[entry.split]) for entry in pending)
    recorded: dict[str, int] = {}
    existing_count = added = waiting = 0
    with progress("images") as bar:
        task = bar.add_task("evaluating", total=total)
        while pending:
            entry = pending.popleft()
            split, name = recorder.splits[entry.split], f"{entry.origin.name} on {entry.split}"
            bar.update(task, description=f"evaluating {name}")
            with failures.of(name):
                address, identity = recorder.address(entry)
                existing = store.get(address, identity)
                if existing is not None:
                    existing_count, waiting = existing_count + 1, 0
                    bar.advance(task, len(split))
                    added += sum([existing.add_cost(cost) for cost in recorder.costs(entry.origin)])
                    continue
                try:
                    writer = store.writer(address, identity, split.labels, split.ids, split.groups, cfg.piece_samples)
                except Busy as busy:
                    if waiting == 0:
                        log.info(f"{name}: {busy} is recording it; trying again later")
                    pending.append(entry)  # try the others first, so that two processes share the work
                    waiting += 1
                    if waiting >= len(pending):
                        time.sleep(0.5)
                    continue
                with writer:
                    waiting = 0
                    bar.advance(task, writer.found)
                    recorder.make(entry, writer, lambda n: bar.advance(task, n))
                    recorded[name] = len(split) - writer.found
            if recorder.processes.broken:
                if pending:
                    left = counted(len(pending), "entry was", "entries were")
                    failures.messages.append(f"{left} not tried, because a process was lost")
                break
    samples = sum(recorded.values())
    log.info(
        f"{counted(len(recorded), 'entry', 'entries')} recorded ({counted(samples, 'image')}), "
        f"{existing_count} were there already"
        + (f" (costs added: {added})" if added else "")
        + f"; in {cfg.paths.store}"
    )
    report(
        recorded=recorded, already_there=existing_count, images=samples, costs_added=added, failures=failures.messages
    )
    failures.raise_all()


def _check_trained(cfg: EvaluateConfig, origins: list[Origin]) -> None:
    """Check that at least one member is trained, so that there is a single message if none is.

    Raises:
        WeeError: none of the members is trained with this config.
    """
    from wee.members.origins import Trained

    trained = [origin for origin in origins if isinstance(origin, Trained)]
    folders = [origin.folder for origin in trained]
    if len(trained) < len(origins) or any(folder.is_dir() for folder in folders):
        return
    others = [
        path for folder in folders for path in folder.parent.glob(f"{folder.name.split('-')[0]}-*") if path.is_dir()
    ]
    note = (
        f" (there are {len(others)} that were trained with another config: repeat the overrides of their training)"
        if others
        else ""
    )
    scales, members = (
        list(dict.fromkeys(origin.scale for origin in trained)),
        list(dict.fromkeys(origin.member for origin in trained)),
    )
    raise WeeError(
        f"none of the {len(trained)} members is trained with this config{note}; train them: "
        + command("train", scale=short(scales, list(cfg.family.scales)), member=short(members, cfg.ensemble.members))
    )


class _Recorder:
    """Records entries, alone or with other processes; each member is loaded once for all its splits.

    Args:
        cfg: the config of the command.
        store: the store of the entries.
        splits: all splits, by name.
        processes: the processes that share the work.
    """

    def __init__(
        self, cfg: EvaluateConfig, store: LogitStore, splits: Mapping[SplitName, Split], processes: Processes
    ) -> None:
        self.cfg, self.store, self.splits, self.processes = cfg, store, splits, processes
        self._latest: tuple[str, LoadedMember] | None = None
        self._costs: tuple[str, list[MeasuredCost]] | None = None

    def address(self, entry: Pending) -> tuple[Address, dict[str, Any]]:
        """Return the address and the identity of an entry."""
        from wee.store import Address

        cfg, origin = self.cfg, entry.origin
        address = Address(cfg.dataset.name, cfg.family.name, origin.scale, origin.member, entry.split)
        return address, origin.logits_identity(self.splits[entry.split], cfg.precision, cfg.storage[entry.split.kind])

    def make(self, entry: Pending, writer: EntryWriter, done: Callable[[int], None]) -> None:
        """Record the missing samples of an entry, together with the other processes, and commit it.

        Raises:
            WeeError: recording failed in some process, or a cost cannot be measured.
        """
        costs = self.costs(entry.origin)
        missing, size = writer.missing, self.processes.size
        self.processes.assign((entry.origin.scale, entry.origin.member, entry.split, writer.key, missing))
        with self.processes.apart():
            self._record(entry, missing, writer, lambda n: done(n * size))
            writer.flush()
        for _ in range(COLLECTING if size > 1 else 0):  # pieces of other processes may appear late on a shared folder
            writer.collect()
            if not len(writer.missing):
                break
            time.sleep(1.0)
        plain = {
            cost.name: cost.values[0] if len(cost.values) == 1 else cost.values for cost in costs if not cost.conditions
        }
        committed = writer.commit(plain, self._provenance(entry.origin))
        for cost in costs:
            committed.add_cost(cost)

    def costs(self, origin: Origin) -> list[MeasuredCost]:
        """Return the selected costs of a member, from one of its entries if it has them; measure the others once.

        Raises:
            WeeError: a cost cannot be measured.
        """
        if self._costs is None or self._costs[0] != origin.name:
            self._costs = (origin.name, [self._cost(origin, name) for name in self.cfg.cost.measure])
        return self._costs[1]

    def _cost(self, origin: Origin, name: str) -> MeasuredCost:
        from wee.costs import conditions, measured
        from wee.store import Entry, MeasuredCost
        from wee.store.entry import Damaged
        from wee.versions import versions

        current = conditions(name)
        for split in self.splits:
            folder = self.store.folder(*self.address(Pending(origin, split)))
            with contextlib.suppress(Damaged):  # reported when this entry is processed
                for cost in Entry.open(folder).costs if folder.is_dir() else []:
                    if cost.name == name and cost.conditions == current:
                        return cost
        member = self._network(origin)
        values = measured(COSTS.find(name), member.module, member.transform, self.cfg.dataset.channels)
        return MeasuredCost(name, values, current, timestamp(), versions())

    def help(self, entry: Pending | None, key: str, missing: NDArray[np.int64]) -> None:
        """Record this process's share of an entry that the leader commits.

        Raises:
            WeeError: recording failed in some process.
        """
        with self.processes.apart():
            address, identity = self.address(entry) if entry is not None else (None, {})
            if entry is None or address is None or key_of(identity) != key:
                raise WeeError("it does not see the same weights or images as the first; are the folders shared?")
            split = self.splits[entry.split]
            with self.store.pieces(address, identity, split.labels, split.ids, self.cfg.piece_samples) as writer:
                self._record(entry, missing, writer, lambda n: None)

    def _record(
        self, entry: Pending, missing: NDArray[np.int64], writer: PieceWriter, done: Callable[[int], None]
    ) -> None:
        from wee.lit.record import Recording, record

        cfg, processes = self.cfg, self.processes
        how = Recording(cfg.batch_size, cfg.precision, cfg.storage[entry.split.kind], processes.alone(cfg.runtime))
        record(
            self._network(entry.origin),
            self.splits[entry.split],
            missing[processes.rank :: processes.size],
            writer,
            how,
            done,
        )

    def _network(self, origin: Origin) -> LoadedMember:
        if self._latest is None or self._latest[0] != origin.name:
            self._latest = (origin.name, origin.network())
        return self._latest[1]

    def _provenance(self, origin: Origin) -> dict[str, Any]:
        """Return the provenance that is saved with an entry."""
        from wee.versions import versions

        cfg = self.cfg
        return {
            "command": command("evaluate", scale=origin.scale, member=origin.member),
            "recipe": origin.recipe,
            "trainer": cfg.trainer.name,
            "labels": {"dataset": cfg.dataset.label, "family": cfg.family.label, "scale": origin.architecture.label},
            "config": {"recipe": origin.about, "batch_size": cfg.batch_size},
            "created": timestamp(),
            "versions": versions(),
        }


COMMAND = Command(
    "evaluate", EvaluateConfig, evaluate, modules(), {"cost": Group(COSTS, choice)}, networks=True, kinds=config_of
)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("evaluate").main()
