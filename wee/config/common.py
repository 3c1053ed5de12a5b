"""Config that every stage shares, and the small languages its fields are written in. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wee.errors import WeeError, unknown


@dataclass
class PathsConfig:
    """Where things lie; relative paths start at the folder in which the command is given.

    Attributes:
        outputs: everything that runs write.
        data: where image data sets lie.
        checkpoints, store, sweeps, figures: what each stage leaves there for the next.
    """

    outputs: str = "outputs"
    data: str = "data"
    checkpoints: str = "${paths.outputs}/checkpoints"
    store: str = "${paths.outputs}/store"
    sweeps: str = "${paths.outputs}/sweeps"
    figures: str = "${paths.outputs}/figures"


STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


@dataclass
class RuntimeConfig:
    """How networks are run. Nothing here changes a result by more than rounding, so nothing here is part of an identity.

    (A training on several devices keeps its batch as a whole; batch norm sees each device's share of it alone.)

    Attributes:
        accelerator: the kind of device, as Lightning's Trainer takes it: "auto", "cpu", "gpu", ..
        devices: their number, a list of their indices, or "auto" for all there are. Each device has a process of its own; on
            "cpu", processes share the processors, and there can be no more of them than processors.
        strategy: how several devices share a training: "ddp", or "ddp_find_unused_parameters_true" for networks with parts
            that do not always take part; "auto" is the first.
        num_nodes: machines with so many devices each.
        workers: processes that load data, for each device; 0 loads in the process that trains or evaluates.
        threads: torch's threads in each process. 0 is torch's own number, or OMP_NUM_THREADS where it is set; without that
            variable it is at most the number of processors that this job may use (CPU affinity, a container's quota,
            SLURM_CPUS_PER_TASK), divided among jobs that a parallel launcher runs at once and among the processes of
            this one, less the workers.
        keep_every: seconds between two saved states of a training, from which it goes on if it is interrupted.
    """

    accelerator: str = "auto"
    devices: Any = 1
    strategy: str = "auto"
    num_nodes: int = 1
    workers: int = 0
    threads: int = 0
    keep_every: float = 60.0

    def __post_init__(self) -> None:
        if isinstance(self.devices, str) and self.devices.lstrip("-").isdigit():
            self.devices = int(self.devices)
        numbers = self.devices if isinstance(self.devices, list) else [self.devices]
        counted = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
        if self.devices not in ("auto", -1) and not (counted and numbers and min(numbers) >= 0 and self.devices != 0):
            raise WeeError(
                f"runtime.devices is {self.devices}: give how many, a list of their numbers such as [0,1], or auto for all"
            )
        for name, least in (("num_nodes", 1), ("workers", 0), ("threads", 0)):
            if getattr(self, name) < least:
                raise WeeError(f"runtime.{name} is {getattr(self, name)}: it must be {least} or more")
        if self.strategy not in STRATEGIES:
            raise unknown("runtime.strategy", self.strategy, STRATEGIES)

    @property
    def single(self) -> bool:
        """Whether one process is asked for, on one device."""
        one = self.devices == 1 or (isinstance(self.devices, list) and len(self.devices) == 1)
        return one and self.num_nodes == 1


@dataclass
class CostConfig:
    """What a stage of a cascade costs.

    Attributes:
        measure: "macs": multiply-accumulates of one forward pass at the scale's own input size.
    """

    measure: str = "macs"

    def __post_init__(self) -> None:
        if self.measure != "macs":
            raise unknown("cost", self.measure, ["macs"])


@dataclass
class EnsembleConfig:
    """Which members make ensembles.

    Attributes:
        size: members of one ensemble, M.
        members: the members there are: a count (2 means 0 and 1) or a list of numbers.
        orders: in which order a cascade runs them: "all" (every permutation of every choice of M members, up to the caps
            below; the paper averages both orders of two), "given" (as numbered), a number (that many orders of every
            choice of M members), or a list of orders such as [[0, 1], [1, 0]], all of which are run.
        max_orders: the largest number of orders of the same M members where orders is "all".
        max_cascades: the largest number of cascades at one scale, or of one choice of scales. Orders are left out before
            choices of members are.
        seed: of the draw of orders and choices of members where not all of them are run. Each member is used equally
            often and runs first equally often, to within one.
        scales: null for cascades within each scale; for stages of different scales, a list of them in order such as
            [s1, s3], or of "family/scale", or a list of such lists.
        exits: of a multi-exit network: the exits that a cascade uses, counted from 1, such as [3, 5], or a list of such
            lists; null for every pair with the last.
        combine: "average" the outputs of the stages so far, or "replace" them by the latest stage's. Ensembles that always
            run all members are averages in either case.
        temperature: whether to divide every member's logits by a temperature before they are mixed. It is fitted on the whole
            validation set, which also sets tau and the windows.
    """

    size: int = 2
    members: Any = 2
    orders: Any = "all"
    max_orders: int = 24
    max_cascades: int = 240
    seed: int = 0
    scales: Any = None
    exits: Any = None
    combine: str = "average"
    temperature: bool = False

    def __post_init__(self) -> None:
        if self.combine not in ("average", "replace"):
            raise unknown("value of ensemble.combine", self.combine, ["average", "replace"])
        self.scales = as_lists("ensemble.scales", self.scales)
        self.exits = as_lists("ensemble.exits", self.exits)
        for exits in self.exits:
            if (
                any(isinstance(e, bool) or not isinstance(e, int) or e < 1 for e in exits)
                or sorted(set(exits)) != exits
            ):
                raise WeeError(f"ensemble.exits: {exits} is no ascending list of exits, counted from 1")
        if isinstance(self.members, int) and not isinstance(self.members, bool):
            self.members = list(range(self.members))
        self.members = as_list(self.members)
        for member in self.members:
            check_member(member)
        if len(set(self.members)) < len(self.members):
            raise WeeError(f"ensemble.members names a member twice: {self.members}")
        if not 1 <= self.size <= len(self.members):
            raise WeeError(
                f"ensemble.size is {self.size}, but there are {len(self.members)} members ({self.members}): "
                f"give a size from 1 to {len(self.members)}, or more with ensemble.members={max(self.size, 2)}"
            )
        for key, least in (("max_orders", 1), ("max_cascades", 1), ("seed", 0)):
            if getattr(self, key) < least:
                raise WeeError(f"ensemble.{key} is {getattr(self, key)}: it must be a whole number from {least} on")
        self._check_orders()

    def _check_orders(self) -> None:
        if isinstance(self.orders, int) and not isinstance(self.orders, bool):
            if self.orders < 1:
                raise WeeError(
                    f"ensemble.orders is {self.orders}: a number of orders is 1 or more; 'all' runs every order"
                )
            return
        if not isinstance(self.orders, (list, tuple)):
            if self.orders not in ("all", "given"):
                raise unknown("value of ensemble.orders", self.orders, ["all", "given", "24", "[[0, 1], [1, 0]]"])
            return
        self.orders = as_list(self.orders)
        if not self.orders:
            raise WeeError("ensemble.orders is an empty list: name at least one order, or run 'all'")
        for k, order in enumerate(self.orders):
            wrong = not isinstance(order, list) or len(order) != self.size or len(set(order)) != len(order)
            if wrong or not set(order) <= set(self.members):
                raise WeeError(
                    f"ensemble.orders: {order!r} is no order of {self.size} different members out of {self.members}"
                )
            if order in self.orders[:k]:
                raise WeeError(f"ensemble.orders has {order} twice")


def as_list(value: Any) -> list[Any]:
    """A value, or a list of values, as a list: users write one where there is one."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return [value]


def as_lists(key: str, value: Any) -> list[list[Any]]:
    """Nothing, a list, or a list of lists, as a list of lists."""
    if value is None:
        return []
    outer = as_list(value)
    inner = [as_list(one) for one in outer] if any(isinstance(one, (list, tuple)) for one in outer) else [outer]
    if not all(inner):
        raise WeeError(f"{key} has an empty list in it")
    return inner


def choose(what: str, value: Any, existing: Sequence[Any], of: str = "") -> list[Any]:
    """Read a field that takes one value, a list of them, or "all".

    Args:
        what: the kind of thing, as it reads in a sentence.
        value: what the user wrote.
        existing: what there is to choose from.
        of: what the things belong to, for messages.

    Returns:
        The chosen ones in the order written, each once.

    Raises:
        WeeError: something does not exist, or nothing was chosen.
    """
    if value == "all":
        return list(existing)
    chosen = list(dict.fromkeys(as_list(value)))
    # A command line reads 100_160 as a number, and drops the underscore.
    by_name = {str(one).replace("_", ""): one for one in existing if str(one).replace("_", "").isdigit()}
    by_name |= {str(one): one for one in existing}
    for one in chosen:
        if str(one) not in by_name:
            raise unknown(what, one, [*existing, "all"], of=of)
    chosen = [by_name[str(one)] for one in chosen]
    if not chosen:
        raise WeeError(f"no {what} is chosen; choose from {', '.join(map(str, existing))}, or all")
    return chosen


def check_member(member: object) -> None:
    """Refuse what is no member number.

    Raises:
        WeeError: it is not a whole number from 0 on.
    """
    if isinstance(member, bool) or not isinstance(member, int) or member < 0:
        raise WeeError(f"{member!r} is no member: members are numbered 0, 1, 2, ..")


def short(values: list[Any], everything: list[Any]) -> Any:
    """Values as a user would write them on a command line: nothing where all are meant, one without a list."""
    return None if values == everything else values[0] if len(values) == 1 else values


def check_name(key: str, name: str) -> None:
    """Refuse what cannot be the name of a file or folder.

    Raises:
        WeeError: it is empty or leads elsewhere.
    """
    if not name or name.startswith(".") or "/" in name:
        raise WeeError(f"{key} is '{name}': it names a file or folder, and has no slashes and no dot in front")


def conf_dir() -> Path:
    """The folder of Hydra configs: inside the package where wee is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


@dataclass
class Common:
    """Fields that every stage has.

    Attributes:
        paths: where things lie.
    """

    paths: PathsConfig = field(default_factory=PathsConfig)
