"""An entry of the store: its address, its manifest and its arrays."""

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
from wee.dates import instant
from wee.errors import WeeError
from wee.files import CHUNK, checksums
from wee.records import check_fields, fits
from wee.store.costs import MeasuredCost, read_costs, set_damaged_aside, write_cost
from wee.store.shared import NAMES, shared_path

FORMAT = 2
"""Version of the format. Since version 2, there is no file of groups if every sample is its own group."""

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, order=True)
class Address:
    """The address of an entry: the member that the logits come from, and the samples.

    Attributes:
        dataset: name of the ID data set, on which the member was trained.
        family, scale, member: family, scale and number of the member.
        split: name of the split.
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
        """Return the address as written in a manifest."""
        return {**vars(self), "split": str(self.split)}

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Address:
        """Make an address from its description in a manifest.

        Raises:
            WeeError: the split is of no known kind.
        """
        return cls(**{**described, "split": SplitName.parse(described["split"])})

    @property
    def folder(self) -> Path:
        """The folder of the member's entries, relative to the store's root."""
        return Path(self.dataset, self.family, self.scale, str(self.member))

    def __str__(self) -> str:
        return f"{self.dataset}/{self.family}/{self.scale}/member {self.member}/{self.split}"


class Damaged(WeeError):
    """Raised for an entry with damaged files.

    Args:
        message: what is damaged.
        address: address of the entry, if the message does not say how to make it again.
    """

    def __init__(self, message: str, address: Address | None = None) -> None:
        super().__init__(message)
        self.address = address


@dataclass(frozen=True)
class Entry:
    """The logits of one member on one split. Opening reads only the manifest; arrays are memory-mapped when they are used.

    Attributes:
        folder: the folder of the entry.
        manifest: the content of the manifest, without its checksum.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Entry:
        """Open the entry in a folder.

        Raises:
            Damaged: the manifest is damaged.
            WeeError: the entry was written by a newer version of wee.
        """
        path = folder / MANIFEST
        try:
            manifest = json.loads(path.read_text())
            checksum = manifest.pop("crc32")
            if checksum != manifest_checksum(manifest):
                raise ValueError("its checksum differs")
            _check_manifest(manifest)
        except FileNotFoundError:
            raise Damaged(f"the entry {folder} is damaged: {MANIFEST} is missing") from None
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise Damaged(f"the entry {folder} is damaged: {MANIFEST} is not what was written ({error})") from None
        if manifest["format"] > FORMAT:
            raise WeeError(
                f"the entry {folder} has format {manifest['format']}; this wee reads up to {FORMAT}: update it"
            )
        return cls(folder, manifest)

    @property
    def key(self) -> str:
        """The key of the entry's identity, that is, of what made it."""
        return str(self.manifest["key"])

    @cached_property
    def address(self) -> Address:
        """The address of the entry."""
        return Address.parse(self.manifest["address"])

    @cached_property
    def checksum(self) -> int:
        """The checksum of the manifest. As the manifest has the checksums of all files, it covers the whole entry."""
        return manifest_checksum(self.manifest)

    @property
    def member(self) -> str:
        """The name of the member as messages show it."""
        return f"{self.address.family}/{self.address.scale} member {self.address.member}"

    @property
    def outputs(self) -> int:
        """The number of outputs of the member: the number of exits of a multi-exit member, otherwise 1."""
        shape = self.manifest["shape"]
        return int(shape[0]) if len(shape) == 3 else 1

    @property
    def costs(self) -> list[MeasuredCost]:
        """Every known cost of the member. The files of the costs are read at each access.

        Costs that were measured when the entry was made, and that depend on nothing but the member, are in the manifest;
        others are in files beside the entry.

        Raises:
            Damaged: a file of a cost is damaged.
        """
        return self._costs()

    def _costs(self, wanted: str | None = None) -> list[MeasuredCost]:
        try:
            from_files = read_costs(self.folder, wanted)
        except ValueError as error:
            raise Damaged(str(error), self.address) from None
        provenance = self.manifest["provenance"]
        files = {cost.file for cost in from_files}
        from_manifest = []
        for name, value in self.manifest.get("cost", {}).items():
            values = [float(number) for number in (value if isinstance(value, list) else [value])]
            cost = MeasuredCost(name, values, {}, str(provenance.get("created", "")), provenance.get("versions", {}))
            # Entries of format 2 may have the parameters of a whole multi-exit network as one number.
            if wanted in (None, name) and len(values) == self.outputs and cost.file not in files:
                from_manifest.append(cost)
        return [*from_manifest, *from_files]

    def cost(self, name: str, conditions: Mapping[str, Any] | None = None) -> MeasuredCost | None:
        """Return the cost with a name; None if it is not known.

        Args:
            name: name of the cost.
            conditions: conditions that the cost must have; only those that distinguish it from other costs of its name are
                needed.

        Raises:
            Damaged: the file of a cost of that name is damaged.
            WeeError: several costs fit; the message lists their conditions and says how to choose.
        """
        fitting = [cost for cost in self._costs(name) if cost.is_like(name, conditions or {})]
        if len(fitting) > 1:
            listed = "\n".join(f"  {json.dumps(cost.conditions)}, measured {cost.created}" for cost in fitting)
            key, value = _distinguishing(fitting)
            raise WeeError(
                f"{self.address} has {len(fitting)} costs {name}, measured under different conditions:\n{listed}\n"
                f"Choose by conditions in which they differ, for instance '+cost.conditions.{key}={value}'."
            )
        return fitting[0] if fitting else None

    def add_cost(self, cost: MeasuredCost) -> bool:
        """Add a cost beside the entry; the entry itself does not change.

        Args:
            cost: a cost of the member.

        Returns:
            True if the cost is new; False if it is known already.

        Raises:
            WeeError: the cost is known with other values under the same conditions, or it does not have one value for each
                output of the member.
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
        """Rename the damaged files of costs, with a warning, so that these costs can be measured again."""
        set_damaged_aside(self.folder)

    @property
    def logits(self) -> NDArray[np.floating]:
        """Logits [N, classes], or [exits, N, classes] of a multi-exit member; memory-mapped.

        Raises:
            Damaged: the file is damaged so that it cannot be mapped, as for the other arrays.
        """
        return self._map("logits")

    @property
    def labels(self) -> NDArray[np.int64]:
        """True classes [N], -1 for samples that have none; memory-mapped."""
        return self._map("labels")

    @property
    def ids(self) -> NDArray[np.bytes_]:
        """The id of every sample [N]; memory-mapped."""
        return self._map("ids")

    @property
    def groups(self) -> NDArray[np.bytes_]:
        """The group of every sample [N], or its id if every sample is its own group; memory-mapped."""
        return self._map("groups" if "groups.npy" in self.manifest["files"] else "ids")

    def path_of(self, name: str) -> Path:
        """Return where a file of the entry is: in its folder, or among the arrays that several entries share.

        Args:
            name: name of a file in the manifest, such as "ids.npy".
        """
        path = self.folder / name
        if name not in NAMES or path.is_file():
            return path
        root = self.folder.parents[len(self.address.folder.parts)]
        shared = shared_path(root, name, self.manifest["files"][name])
        return shared if shared.is_file() else path

    def _map(self, name: str) -> NDArray[Any]:
        file = f"{name}.npy"
        try:
            try:
                array: NDArray[Any] = np.load(self.path_of(file), mmap_mode="r", allow_pickle=False)
            except FileNotFoundError:  # it was shared at this moment
                array = np.load(self.path_of(file), mmap_mode="r", allow_pickle=False)
        except Exception as error:  # numpy raises errors of many types for damaged files
            if isinstance(error, (OSError, MemoryError)) and not isinstance(error, FileNotFoundError):
                raise
            self.verify(name)  # says where the file is damaged
            raise self._damaged(f"{file} cannot be read ({error})") from None
        return array

    def verify(self, *names: str) -> None:
        """Compare the files of arrays with their checksums.

        Args:
            names: names of the arrays to verify; all arrays if there are none.

        Raises:
            Damaged: a file is damaged; the message says where, and names the command that makes the entry again.
        """
        for name, expected in self.manifest["files"].items():
            if names and name.removesuffix(".npy") not in names:
                continue
            path = self.path_of(name)
            if not path.is_file():
                raise self._damaged(f"{name} is missing")
            if path.stat().st_size != expected["bytes"]:
                raise self._damaged(f"{name} has {path.stat().st_size:,} bytes, {expected['bytes']:,} were written")
            shown = name if path.parent == self.folder else f"{path}, which several entries share"
            for chunk, (actual, written) in enumerate(zip(checksums(path), expected["crc32"], strict=True)):
                if actual != written:
                    first = chunk * CHUNK
                    last = min(first + CHUNK, expected["bytes"]) - 1
                    raise self._damaged(f"in {shown}, bytes {first:,} to {last:,} are not what was written")

    def _damaged(self, what: str) -> Damaged:
        command = self.manifest["provenance"]["command"]
        return Damaged(f"the entry {self.address} ({self.folder}) is damaged: {what}. Make it again: {command}")

    def is_called(self, prefix: str) -> bool:
        """Return whether the entry's key, weights' fingerprint, training recipe, precision or dtype starts with a prefix."""
        identity = self.manifest["identity"]
        names = (self.key, identity.get("weights"), self.recipe, identity.get("precision"), self.manifest["dtype"])
        return any(str(name).startswith(prefix) for name in names)

    @property
    def recipe(self) -> str:
        """The key of the recipe that the member was trained by; empty if it is not known."""
        return str(self.manifest["provenance"].get("recipe") or "")

    def describe(self) -> str:
        """Return one line that distinguishes the entry from others with the same address."""
        provenance, identity = self.manifest["provenance"], self.manifest["identity"]
        details = [f"{name} {identity[name]}" for name in ("weights", "precision") if identity.get(name)]
        details += [str(self.manifest["dtype"])]
        details += [f"{name} {provenance[name]}" for name in ("recipe", "created") if provenance.get(name)]
        return f"{self.key} ({', '.join(details)})"


@dataclass
class _Manifest:
    """The types of what a manifest has."""

    format: int
    key: str
    address: Mapping[str, str | int]
    identity: Mapping[str, Any]
    shape: Sequence[int]
    dtype: str
    cost: Mapping[str, float | Sequence[float]]
    provenance: Mapping[str, Any]
    files: Mapping[str, Mapping[str, int | Sequence[int]]]


def _check_manifest(manifest: Any) -> None:
    """Check that a manifest has what is read of it, in the right types.

    Raises:
        WeeError: something is missing or wrong.
    """
    check_fields(_Manifest, manifest, "it")
    address, provenance = manifest["address"], manifest["provenance"]
    check_fields(_AddressRecord, address, "its address")
    if len(manifest["shape"]) not in (2, 3) or not isinstance(provenance.get("command"), str):
        raise WeeError("its shape or its command is wrong")
    if not fits(provenance.get("versions", {}), Mapping[str, str]) or not fits(
        provenance.get("labels", {}), Mapping[str, Any]
    ):
        raise WeeError("its versions or labels are wrong")
    wanted = {"bytes", "crc32"}
    if any(
        not wanted <= file.keys() or not fits(file["bytes"], int) or "/" in name
        for name, file in manifest["files"].items()
    ):
        raise WeeError("its list of files is wrong")


@dataclass
class _AddressRecord:
    """The types of an address in a manifest."""

    dataset: str
    family: str
    scale: str
    member: int
    split: str


def _distinguishing(costs: Sequence[MeasuredCost]) -> tuple[str, Any]:
    """Return a condition, and its value, by which the newest of some costs differs from another."""
    newest = max(costs, key=lambda cost: instant(cost.created))
    for key, value in newest.conditions.items():
        if any(cost.conditions.get(key) != value for cost in costs):
            return key, value
    return "NAME", "VALUE"


def manifest_checksum(manifest: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a manifest that does not contain its own checksum."""
    return zlib.crc32(json.dumps(manifest, sort_keys=True).encode())
