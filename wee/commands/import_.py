"""`wee import`: create store entries from logits that other programs computed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.command import Command, command
from wee.app.failures import report
from wee.app.fields import Checked, as_list, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.costs import COSTS, MACS, source_conditions
from wee.data.config import LabelledConfig
from wee.data.kinds import config_of
from wee.data.roles import labelled
from wee.dates import timestamp
from wee.errors import WeeError, unknown
from wee.members.config import check_member
from wee.models.config import FamilyConfig
from wee.units import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wee.data.logit_files import Imported
    from wee.store import Address, LogitStore, MeasuredCost

log = logging.getLogger("wee")

DTYPES = ("float32", "float16", "float64")


@dataclass
class ImportConfig(Common):
    """The config of `wee import`.

    Attributes:
        file: one file with all members, or a list with one file for each; .npz, .safetensors, or the paper authors' .pt.
        dataset: the data set, whose name (dataset.name) `wee sweep` finds the logits by.
        family: the family, whose name (family.name) `wee sweep` finds the logits by.
        scale: name of the architecture.
        member: the members' numbers; null for 0, 1, ..
        macs: multiply-accumulates of one sample: one number, or one for each member, or up to each exit.
        costs: other costs of one sample, by name, in the same form, such as {latency_ms: 3.2, energy_mj: 5}. A name that ends
            with a unit has its numbers in that unit. Costs are also added to entries that exist already.
        exits: whether the first axis of the logits has the exits of one multi-exit network instead of members.
        labels: files with the labels, by split ("val", "test"), if the logits' files have none.
        names: the split of each name in the files, if the names differ.
        unlabelled: sets whose labels are of other classes, so that they are OOD sets and not shifted test sets.
        variant: which entry of an authors' file to read, if it has several ("afp, wfp").
        dtype: floating-point type in which logits are stored, one of `DTYPES`; the type in the files does not matter. Each
            type has its own entries.
    """

    dataset: Checked[LabelledConfig] = written(None)
    family: FamilyConfig = MISSING
    file: Checked[list[str]] = written(MISSING)
    scale: str = MISSING
    macs: Checked[list[float]] = written(MISSING)
    costs: Checked[dict[str, list[float]]] = written({})
    member: Checked[list[int] | None] = written(None)
    exits: bool = False
    labels: Checked[dict[str, str]] = written({})
    names: Checked[dict[str, str]] = written({})
    unlabelled: Checked[list[str]] = written([])
    variant: str | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise unknown("dtype", self.dtype, DTYPES)
        self.dataset = labelled(self.dataset)
        self.file = [str(file) for file in as_list(self.file)]
        self.labels = _by_name("labels", self.labels, "labels.val=FILE")
        self.names = _by_name("names", self.names, "names.valid=val")
        self.unlabelled = [str(name) for name in as_list(self.unlabelled)]
        self.macs = _positive(MACS, self.macs)
        if not isinstance(self.costs, dict):
            raise WeeError(f"costs is {self.costs!r}: give each cost by its name, costs={{parameters: 1e6}}")
        if MACS in self.costs:
            raise WeeError(f"costs has {MACS}, which has a field of its own: {MACS}=NUMBER")
        self.costs = {COSTS.find(name).name: _positive(f"costs.{name}", value) for name, value in self.costs.items()}
        if self.member is not None:
            self.member = as_list(self.member)
            for member in self.member:
                check_member(member)


def import_logits(cfg: ImportConfig) -> None:
    """Read and check all logits, then write them to the store. If a check fails, nothing is written."""
    from wee.data.logit_files import read
    from wee.data.splits import VAL
    from wee.store import Address, LogitStore

    files = [Path(file) for file in cfg.file]
    splits = read(files, cfg.labels, cfg.names, cfg.variant, cfg.unlabelled, cfg.dtype)
    for split in (split for split in splits if split.kind == "shift"):
        log.info(
            f"{split.name} has labels, so it is a shifted test set "
            f"(unlabelled={split.name} if they are of other classes: an OOD set)"
        )
    count, _, classes = splits[VAL].logits.shape
    read_samples = ", ".join(f"{split} {imported.logits.shape[1]:,}" for split, imported in splits.items())
    outputs = counted(count, "exit" if cfg.exits else "member")
    log.info(f"read the logits of {outputs} for {counted(classes, 'class', 'classes')}; samples: {read_samples}")
    members = _members(cfg, 1 if cfg.exits else count)
    macs = _for_each(MACS, cfg.macs, count, cfg.exits)
    costs = {name: _for_each(f"costs.{name}", values, count, cfg.exits) for name, values in cfg.costs.items()}
    log.info(
        f"costs of one sample: {'; '.join(_written(name, values) for name, values in {MACS: macs, **costs}.items())}"
    )
    store = LogitStore(cfg.paths.store)
    # All logits of a member identify it, so that its splits belong together.
    weights = [
        _digest(*(imported.logits if cfg.exits else imported.logits[k] for imported in splits.values()))
        for k in range(len(members))
    ]
    jobs = [
        (Address(cfg.dataset.name, cfg.family.name, cfg.scale, member, split), imported, k)
        for split, imported in splits.items()
        for k, member in enumerate(members)
    ]
    new_entries = added = 0
    for address, imported, k in jobs:
        logits = imported.logits if cfg.exits else imported.logits[k]
        others = [_cost(name, values if cfg.exits else [values[k]]) for name, values in costs.items()]
        new, new_costs = _keep(store, address, logits, imported, weights[k], macs if cfg.exits else macs[k], others)
        new_entries, added = new_entries + new, added + new_costs
    tied = {split: imported.newly_tied for split, imported in splits.items() if imported.newly_tied}
    if tied:
        listed = ", ".join(
            f"{split} {count:,} of {splits[split].logits[..., 0].size:,}" for split, count in tied.items()
        )
        log.info(
            f"storing {cfg.dtype} makes maximum softmax probabilities equal that differ in the files: {listed} "
            f"(over all {'exits' if cfg.exits else 'members'}); a wider dtype=... keeps them apart"
        )
    log.info(
        f"{counted(new_entries, 'entry', 'entries')} imported, {len(jobs) - new_entries} were there already"
        + (f" (costs added: {added})" if added else "")
        + f"; in {cfg.paths.store}"
    )
    names = f"dataset=stored dataset.name={cfg.dataset.name} family=stored family.name={cfg.family.name}"
    together = "" if len(members) > 1 and not cfg.exits else " ensemble=alone"
    if together or members != [0, 1]:
        together += f" 'ensemble.members={members}'".replace(", ", ",")
    log.info(f"sweep them: wee sweep {names}{together}")
    report(
        imported=new_entries,
        already_there=len(jobs) - new_entries,
        costs_added=added,
        newly_tied={str(split): tied.get(split, 0) for split in splits},
    )


def _keep(
    store: LogitStore,
    address: Address,
    logits: NDArray[np.floating],
    imported: Imported,
    weights: str,
    macs: float | list[float],
    costs: list[MeasuredCost],
) -> tuple[bool, int]:
    """Create an entry unless it exists, and add the costs that it lacks.

    Returns:
        (whether the entry is new, number of costs added to an existing entry).
    """
    import numpy as np

    from wee.versions import versions

    samples = {name: _digest(getattr(imported, name)) for name in ("labels", "ids", "groups")}
    identity = {"weights": weights, "imported": True, "samples": samples, "dtype": str(logits.dtype), MACS: macs}
    entry = store.get(address, identity)
    if entry is not None:
        return False, sum([entry.add_cost(cost) for cost in costs])
    with store.writer(address, identity, imported.labels, imported.ids, imported.groups) as writer:
        batch = np.moveaxis(logits, -2, 0)
        for start in range(0, len(batch), 4096):
            part = np.arange(start, min(start + 4096, len(batch)))
            writer.add(part, batch[part], imported.labels[part])
        created = timestamp()
        provenance = {"command": command("import"), "created": created, "versions": versions()}
        entry = writer.commit({MACS: macs}, provenance)
    for cost in costs:
        entry.add_cost(cost)
    return True, 0


def _cost(name: str, values: list[float]) -> MeasuredCost:
    from wee.store import MeasuredCost

    return MeasuredCost(name, values, source_conditions(name), timestamp())


def _written(name: str, values: list[float]) -> str:
    """Return a cost with its name and different values, for the log: "latency_ms 3.2 ms, 4 ms"."""
    return f"{name} {', '.join(dict.fromkeys(map(COSTS.find(name).amount, values)))}"


def _digest(*arrays: Any) -> str:
    import numpy as np

    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _members(cfg: ImportConfig, count: int) -> list[int]:
    numbers = list(range(count)) if cfg.member is None else cfg.member
    if len(numbers) != count or len(set(numbers)) != count:
        raise WeeError(f"member is {numbers}, but the files have {count} members: give each a number of its own")
    return numbers


def _positive(key: str, values: Any) -> list[float]:
    """Return one or several positive numbers as a list.

    Raises:
        WeeError: a value is not a positive number.
    """
    for value in as_list(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            raise WeeError(f"{key} is {value!r}: it must be a positive number, such as 3.99e8")
    return [float(value) for value in as_list(values)]


def _by_name(key: str, values: Any, example: str) -> dict[str, str]:
    """Return text by name.

    Raises:
        WeeError: it is not given by name.
    """
    if not isinstance(values, dict) or not all(isinstance(value, (str, int)) for value in values.values()):
        raise WeeError(f"{key} is {values!r}: it has a text for each name, such as {example}")
    return {str(name): str(value) for name, value in values.items()}


def _for_each(key: str, values: list[float], count: int, exits: bool) -> list[float]:
    """Return the cost of each member, or up to each exit.

    Raises:
        WeeError: the number of values does not fit, or they descend from exit to exit.
    """
    if exits:
        if len(values) != count or sorted(values) != values:
            raise WeeError(f"{key} is {values}, but there are {count} exits: give the cost up to each exit, ascending")
        return values
    if len(values) not in (1, count):
        raise WeeError(f"{key} has {len(values)} numbers for {count} members: give one number, or one for each")
    return values * count if len(values) == 1 else values


COMMAND = Command("import", ImportConfig, import_logits, modules(), kinds=config_of)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("import").main()
