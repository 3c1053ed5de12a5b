"""One entry of the store, as it is read."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.data.splits import SplitName
from wee.errors import WeeError
from wee.files import CHUNK, checksums
from wee.store.costs import MeasuredCost, read_costs, set_damaged_aside, write_cost

FORMAT = 2
"""2: no file of groups where every sample is a group of its own."""

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, order=True)
class Address:
    """What an entry is called: whose logits, on what.

    Attributes:
        dataset: the ID data set, on which the member was trained.
        family, scale, member: the member.
        split: which samples.
    """

    dataset: str
    family: str
    scale: str
    member: int
    split: SplitName

    def __post_init__(self) -> None:
        for field in ("dataset", "family", "scale", "split"):
            value = str(getattr(self, field))
            if not _NAME.fullmatch(value):
                raise WeeError(f"{value!r} cannot be the name of a {field}: use letters, digits, and any of _ . + -")

    def describe(self) -> dict[str, Any]:
        """The address as it stands in a manifest."""
        return {**vars(self), "split": str(self.split)}

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Address:
        """Read an address as it stands in a manifest.

        Raises:
            WeeError: it has a split of no known kind.
        """
        return cls(**{**described, "split": SplitName.parse(described["split"])})

    @property
    def folder(self) -> Path:
        """Where its entries lie, below the store's root."""
        return Path(self.dataset, self.family, self.scale, str(self.member))

    def __str__(self) -> str:
        return f"{self.dataset}/{self.family}/{self.scale}/member {self.member}/{self.split}"


class Damaged(WeeError):
    """An entry whose files are not what was written.

    Args:
        message: what is wrong.
        address: of the entry, where the message does not say how to make it again.
    """

    def __init__(self, message: str, address: Address | None = None) -> None:
        super().__init__(message)
        self.address = address


@dataclass(frozen=True)
class Entry:
    """One member's logits on one split. Opening reads the manifest alone; arrays are mapped when they are used.

    Attributes:
        folder: where it lies.
        manifest: all that is known about it.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Entry:
        """The entry in a folder.

        Raises:
            Damaged: the manifest is not what was written.
            WeeError: it was written by a newer version of wee.
        """
        path = folder / MANIFEST
        try:
            manifest = json.loads(path.read_text())
            checksum = manifest.pop("crc32")
            if checksum != manifest_checksum(manifest):
                raise ValueError("its checksum differs")
        except FileNotFoundError:
            raise Damaged(f"the entry {folder} is damaged: {MANIFEST} is missing") from None
        except (ValueError, KeyError, AttributeError) as error:
            raise Damaged(f"the entry {folder} is damaged: {MANIFEST} is not what was written ({error})") from None
        if manifest["format"] > FORMAT:
            raise WeeError(
                f"the entry {folder} has format {manifest['format']}; this wee reads up to {FORMAT}: update it"
            )
        return cls(folder, manifest)

    @property
    def key(self) -> str:
        """The key of what made it."""
        return str(self.manifest["key"])

    @cached_property
    def address(self) -> Address:
        """What it is called."""
        return Address.parse(self.manifest["address"])

    @cached_property
    def checksum(self) -> int:
        """Of the manifest, and so of everything that was written."""
        return manifest_checksum(self.manifest)

    @property
    def member(self) -> str:
        """What its member is called in messages."""
        return f"{self.address.family}/{self.address.scale} member {self.address.member}"

    @property
    def outputs(self) -> int:
        """How many outputs its member has: the number of exits of a multi-exit network, else 1."""
        shape = self.manifest["shape"]
        return int(shape[0]) if len(shape) == 3 else 1

    @property
    def costs(self) -> list[MeasuredCost]:
        """Every known cost of its member, read anew.

        Those that were measured when the entry was made and depend on nothing but the member stand in its manifest; others
        lie beside it.

        Raises:
            Damaged: a cost is not what was written.
        """
        return self._costs()

    def _costs(self, wanted: str | None = None) -> list[MeasuredCost]:
        try:
            beside = read_costs(self.folder, wanted)
        except ValueError as error:
            raise Damaged(str(error), self.address) from None
        made = self.manifest["provenance"]
        known = {cost.file for cost in beside}
        costs = []
        for name, value in self.manifest.get("cost", {}).items():
            values = [float(each) for each in (value if isinstance(value, list) else [value])]
            cost = MeasuredCost(name, values, {}, str(made.get("created", "")), made.get("versions", {}))
            # Entries of format 2 may have the parameters of a whole multi-exit network as one number.
            if wanted in (None, name) and len(values) == self.outputs and cost.file not in known:
                costs.append(cost)
        return [*costs, *beside]

    def cost(self, name: str, conditions: Mapping[str, Any] | None = None) -> MeasuredCost | None:
        """The cost of that name; None where it is not known.

        Args:
            name: of the cost.
            conditions: those that are meant, as many as tell the cost from others of its name.

        Raises:
            Damaged: a cost of that name is not what was written.
            WeeError: several fit; the message names their conditions and how to choose.
        """
        fitting = [cost for cost in self._costs(name) if cost.is_like(name, conditions or {})]
        if len(fitting) > 1:
            listed = "\n".join(f"  {json.dumps(cost.conditions)}, measured {cost.created}" for cost in fitting)
            key, value = _telling(fitting)
            raise WeeError(
                f"{self.address} has {len(fitting)} costs {name}, measured under different conditions:\n{listed}\n"
                f"Choose by conditions that tell them apart, for instance '+cost.conditions.{key}={value}'."
            )
        return fitting[0] if fitting else None

    def add_cost(self, cost: MeasuredCost) -> bool:
        """Keep a cost beside the entry, which does not change.

        Args:
            cost: a cost of its member.

        Returns:
            Whether it is new; False if the same is known.

        Raises:
            WeeError: the cost is known with other numbers under the same conditions, or has another number of values than
                the member has outputs.
        """
        if len(cost.values) != self.outputs:
            raise WeeError(
                f"{self.address}: the cost {cost.name} has {len(cost.values)} values, but the member has {self.outputs} "
                f"{'exits' if self.outputs > 1 else 'output'}: give one for each, the cost of a sample that leaves there"
            )
        for known in self._costs(cost.name):
            if known.file == cost.file:
                if list(known.values) != list(cost.values):
                    raise WeeError(
                        f"{self.address} has the cost {cost.name} already, as {list(known.values)} and not "
                        f"{list(cost.values)}, under the same conditions; a cost that is known is never overwritten"
                    )
                return False
        write_cost(self.folder, cost)
        return True

    def set_damaged_costs_aside(self) -> None:
        """Rename the files of costs that are not what was written, with a warning, so that they can be measured again."""
        set_damaged_aside(self.folder)

    @property
    def logits(self) -> NDArray[np.floating]:
        """[N, classes], or [exits, N, classes] of a multi-exit network; mapped."""
        return self._map("logits")

    @property
    def labels(self) -> NDArray[np.int64]:
        """True classes [N], -1 where there is none; mapped."""
        return self._map("labels")

    @property
    def ids(self) -> NDArray[np.bytes_]:
        """An id for every sample [N]; mapped."""
        return self._map("ids")

    @property
    def groups(self) -> NDArray[np.bytes_]:
        """What samples depend on together [N]; mapped. Where each is a group of its own, its id."""
        return self._map("groups" if "groups.npy" in self.manifest["files"] else "ids")

    def _map(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return array

    def verify(self, *names: str) -> None:
        """Compare every byte with what was written.

        Args:
            names: of the arrays to look at; nothing for all.

        Raises:
            Damaged: something differs; the message says what, and the command that makes the entry again.
        """
        for name, expected in self.manifest["files"].items():
            if names and name.removesuffix(".npy") not in names:
                continue
            path = self.folder / name
            if not path.is_file():
                raise self._damaged(f"{name} is missing")
            if path.stat().st_size != expected["bytes"]:
                raise self._damaged(f"{name} has {path.stat().st_size:,} bytes, {expected['bytes']:,} were written")
            for chunk, (found, wanted) in enumerate(zip(checksums(path), expected["crc32"], strict=True)):
                if found != wanted:
                    first = chunk * CHUNK
                    last = min(first + CHUNK, expected["bytes"]) - 1
                    raise self._damaged(f"in {name}, bytes {first:,} to {last:,} are not what was written")

    def _damaged(self, what: str) -> Damaged:
        again = self.manifest["provenance"]["command"]
        return Damaged(f"the entry {self.address} ({self.folder}) is damaged: {what}. Make it again: {again}")

    def is_called(self, prefix: str) -> bool:
        """Whether its key, its weights' fingerprint, its training recipe, its precision or its dtype begins so."""
        identity = self.manifest["identity"]
        names = (self.key, identity.get("weights"), self.recipe, identity.get("precision"), self.manifest["dtype"])
        return any(str(name).startswith(prefix) for name in names)

    @property
    def recipe(self) -> str:
        """The key of how its member was trained; empty where nobody knows."""
        return str(self.manifest["provenance"].get("recipe") or "")

    def describe(self) -> str:
        """One line that tells it from others of its name."""
        made, identity = self.manifest["provenance"], self.manifest["identity"]
        details = [f"{name} {identity[name]}" for name in ("weights", "precision") if identity.get(name)]
        details += [str(self.manifest["dtype"])]
        details += [f"{name} {made[name]}" for name in ("recipe", "created") if made.get(name)]
        return f"{self.key} ({', '.join(details)})"


def _telling(costs: Sequence[MeasuredCost]) -> tuple[str, Any]:
    """A condition that the newest of some costs has in another way than others, and its value."""
    newest = max(costs, key=lambda cost: cost.created)
    for key, value in newest.conditions.items():
        if any(cost.conditions.get(key) != value for cost in costs):
            return key, value
    return "NAME", "VALUE"


def manifest_checksum(manifest: Mapping[str, Any]) -> int:
    """The CRC-32 of a manifest, its own checksum left out."""
    return zlib.crc32(json.dumps(manifest, sort_keys=True).encode())
