"""`wee evaluate`: run trained members over images, and keep their logits in the store."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.config.common import CostConfig, short
from wee.config.console import progress
from wee.config.failures import Failures, report
from wee.config.runner import Stage, command, stage
from wee.data.config import ImagesConfig, ood_sets
from wee.errors import WeeError, unknown
from wee.stages.members import MembersConfig

if TYPE_CHECKING:
    from wee.data.base import Split
    from wee.lit.source import Source
    from wee.models.network import Network

log = logging.getLogger("wee")


STORAGES = ("float32", "float16")


@dataclass
class EvaluateConfig(MembersConfig):
    """What `wee evaluate` can be told, beside which members.

    Attributes:
        ood: OOD sets, by name; all of them are evaluated, beside the val and test splits of the ID data.
        cost: what is counted.
        batch_size: images run at once.
        precision: of the forward passes, as Lightning's Trainer takes it.
        storage: what logits are kept as: "float32", or "float16", half as large and rounded (what that changes in every
            number, `wee sweep rounding=float16` tells). Another storage is another entry.
        piece_samples: samples written at a time; null for pieces of about 16 MiB.
    """

    ood: dict[str, Any] = field(default_factory=dict)
    cost: CostConfig = MISSING
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
        for name in ("batch_size", "piece_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"{name} is {value}: it must be 1 or more")


@dataclass(frozen=True)
class Job:
    """One entry to be made: a member on a split."""

    source: Source
    split: str


def evaluate(cfg: EvaluateConfig) -> None:
    """Record every entry asked for that is not in the store yet."""
    from wee.lit.recipe import Recipe
    from wee.lit.source import source
    from wee.store.store import Busy, LogitStore

    store, failures = LogitStore(cfg.paths.store), Failures()
    splits = {name: cfg.dataset.split(name) for name in ("val", "test")}
    splits |= {f"ood-{name}": ood.split("test").unlabelled() for name, ood in cfg.ood.items()}
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

    networks = _Networks(cfg)
    total = sum(len(splits[job.split]) for job in jobs)
    recorded: dict[str, int] = {}
    there = 0
    waiting = 0
    with progress("images") as bar:
        task = bar.add_task("evaluating", total=total)
        while jobs:
            job = jobs.popleft()
            split, name = splits[job.split], f"{job.source.name} on {job.split}"
            bar.update(task, description=f"evaluating {name}")
            with failures.of(name):
                address, identity = _entry(cfg, job, split)
                if store.get(address, identity) is not None:
                    there, waiting = there + 1, 0
                    bar.advance(task, len(split))
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
                    _record(cfg, networks.get(job.source), job, split, writer, lambda n: bar.advance(task, n))
                    recorded[name] = len(split) - writer.found
    samples = sum(recorded.values())
    log.info(f"{len(recorded)} entries recorded ({samples:,} images), {there} were there already; in {cfg.paths.store}")
    report(recorded=recorded, already_there=there, images=samples, failures=failures.messages)
    failures.tell()


def _check_trained(cfg: EvaluateConfig, sources: list[Source]) -> None:
    """One message where no member at all is there.

    Raises:
        WeeError: none of the members is trained with this config.
    """
    from wee.lit.source import Trained

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


class _Networks:
    """The member that is being evaluated, loaded once for all its splits, and only if it is needed."""

    def __init__(self, cfg: EvaluateConfig) -> None:
        self.cfg = cfg
        self.latest: tuple[str, Network] | None = None

    def get(self, source: Source) -> Network:
        """The network of a member, with its weights."""
        import torch

        if self.cfg.runtime.threads:
            torch.set_num_threads(self.cfg.runtime.threads)
        if self.latest is None or self.latest[0] != source.name:
            self.latest = (source.name, source.network(self.cfg.cost.measure))
        return self.latest[1]


def _entry(cfg: EvaluateConfig, job: Job, split: Split) -> tuple[Any, dict[str, Any]]:
    """The address of an entry and its identity."""
    from wee.store import Address

    address = Address(cfg.dataset.name, cfg.family.name, job.source.scale, job.source.member, job.split)
    return address, job.source.logits_identity(split, cfg.precision, cfg.storage)


def _record(cfg: EvaluateConfig, network: Network, job: Job, split: Split, writer: Any, done: Any) -> None:
    from wee.lit.recording import Recording, record

    source = job.source
    provenance = {
        "command": command("evaluate", scale=source.scale, member=source.member),
        "recipe": source.recipe,
        "trainer": cfg.trainer.name,
        "labels": {"dataset": cfg.dataset.label, "family": cfg.family.label, "scale": source.architecture.label},
        "config": {"recipe": source.about, "batch_size": cfg.batch_size},
    }
    how = Recording(cfg.batch_size, cfg.precision, cfg.storage, cfg.runtime)
    record(network, split, writer, how, provenance, done)


STAGE = Stage("evaluate", EvaluateConfig, evaluate)

if __name__ == "__main__":
    # Not this module's own STAGE: what is pickled for other processes must not live in __main__.
    stage("evaluate").main()
