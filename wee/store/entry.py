"""One entry of the store, as it is read."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.data.splits import SplitName
from wee.errors import WeeError
from wee.files import CHUNK, checksums

FORMAT = 2
"""2: no file of groups where every sample is a group of its own."""

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, order=True)
class Address:
    """What an entry is called: whose logits, on what.

    Attributes:
        dataset: the ID data set, on which the member was trained.
        family, scale, member: the network.
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
    def macs(self) -> list[float]:
        """Multiply-accumulates of the member on one sample; of a multi-exit network, up to each of its exits."""
        macs = self.manifest["cost"]["macs"]
        return [float(one) for one in macs] if isinstance(macs, list) else [float(macs)]

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


def manifest_checksum(manifest: Mapping[str, Any]) -> int:
    """The CRC-32 of a manifest, its own checksum left out."""
    return zlib.crc32(json.dumps(manifest, sort_keys=True).encode())
