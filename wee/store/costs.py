"""Costs that lie beside an entry: a small JSON file for each, under the cost's name and its conditions."""

from __future__ import annotations

import json
import logging
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wee.files import write_json
from wee.identity import KEY_LENGTH, key_of

log = logging.getLogger("wee")

FOLDER = "costs"
"""The folder of an entry that holds them."""

_CHECKSUM = "crc32"


@dataclass(frozen=True)
class MeasuredCost:
    """What the member of an entry costs on one sample.

    Attributes:
        name: of the cost, as the catalogue of costs or a plug-in has it.
        values: one number, or one for each exit: what a sample costs that leaves there.
        conditions: what the numbers depend on beside the member, as plain data; empty where that is nothing.
        created: when it was measured, in ISO format; empty where that is not known.
        versions: of the software that measured it.
    """

    name: str
    values: Sequence[float]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of its file; other conditions, other file."""
        key = key_of({"name": self.name, "conditions": dict(self.conditions)})
        return f"{_stem(self.name)}-{key}.json"

    def is_like(self, name: str, conditions: Mapping[str, Any]) -> bool:
        """Whether it has this name and these conditions, and perhaps more."""
        return self.name == name and all(
            key in self.conditions and self.conditions[key] == value for key, value in conditions.items()
        )


def read_costs(entry: Path, name: str | None = None) -> list[MeasuredCost]:
    """The costs beside an entry, in the order of their files' names.

    Args:
        entry: the folder of the entry.
        name: of the costs that are wanted; None for all.

    Raises:
        ValueError: a file is not what was written; the message names it.
    """
    costs = [_read(path) for path in _files(entry, "*" if name is None else _stem(name))]
    return [cost for cost in costs if name in (None, cost.name)]


def write_cost(entry: Path, cost: MeasuredCost) -> None:
    """Keep a cost beside an entry; the file appears whole."""
    content = asdict(cost)
    write_json(entry / FOLDER / cost.file, {**content, _CHECKSUM: _checksum(content)})


def set_damaged_aside(entry: Path) -> None:
    """Rename the files beside an entry that are not what was written, so that they can be measured again."""
    for path in _files(entry, "*"):
        try:
            _read(path)
        except ValueError as error:
            aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            path.rename(aside)
            log.warning(f"{error}; it is set aside as {aside}")


def _stem(name: str) -> str:
    """A cost's name with what cannot stand in the name of a file on every system replaced."""
    return re.sub(r"[^A-Za-z0-9_.-]", ".", name)


def _files(entry: Path, stem: str) -> list[Path]:
    files = (entry / FOLDER).glob(f"{stem}-{'[0-9a-f]' * KEY_LENGTH}.json")
    return sorted(path for path in files if not path.name.startswith("."))


def _read(path: Path) -> MeasuredCost:
    try:
        content = json.loads(path.read_text())
        if content.pop(_CHECKSUM) != _checksum(content):
            raise ValueError("its checksum differs")
        cost = MeasuredCost(**content)
        if cost.file != path.name:
            raise ValueError(f"it belongs into {cost.file}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the cost {path} is damaged ({error})") from None
    return cost


def _checksum(content: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
